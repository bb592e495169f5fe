"""A node's parameters taken out and given back: the same cell; and QoS that its users change."""

import pytest
import yaml

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from lifecycle_msgs.msg import State
from node_process import CONFIGURE
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import ReliabilityPolicy

from medrobot_ros.config import as_dict, merge, nested
from medrobot_ros.options import cell_config


def parameters(w):
    """Every parameter of a node, by name."""
    names = w.call(ListParameters, "list_parameters", ListParameters.Request()).result.names
    values = w.call(GetParameters, "get_parameters", GetParameters.Request(names=names)).values
    plain = (parameter_value_to_python(v) for v in values)
    return dict(zip(names, (list(v) if hasattr(v, "tolist") or isinstance(v, tuple) else v for v in plain), strict=True))


def dumped(w, folder):
    """What `ros2 param dump` writes of a node."""
    tree = {}
    for name, value in parameters(w).items():
        if not name.startswith("qos_overrides"):  # whose names hold dots of their own meaning
            tree = merge(tree, nested(name, value))
    file = folder / "dump.yaml"
    file.write_text(yaml.safe_dump({f"/cell/{w.name}": {"ros__parameters": tree}}))
    return file


def test_a_dump_starts_the_same_cell(watch, tmp_path):
    first = watch("planner", contact__force_n=6.5, scan__speed_m_per_s=0.01, scan__confirmed="true", scan__size_m="[0.05, 0.04]")
    before, file = parameters(first), dumped(first, tmp_path)
    assert first.close() == 0
    second = watch("planner", params_file=file)
    assert parameters(second) == before and before["contact.force_n"] == 6.5
    config = cell_config({}, file)
    assert config.contact.force_n == 6.5 and config.scan.size_m == (0.05, 0.04)
    flat = {k: v for k, v in before.items() if k.split(".")[0] in as_dict(config)}
    values = as_dict(config)
    for name, value in flat.items():
        section = values
        for part in name.split("."):
            section = section[part]
        assert section == value, name


def overrides(folder, topic, end, **policies):
    file = folder / "qos.yaml"
    file.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"qos_overrides": {topic: {end: policies}}}}}))
    return file


def test_qos_is_what_the_parameters_say(watch, tmp_path):
    w = watch("imaging", params_file=overrides(tmp_path, "/cell/image", "publisher", depth=9, reliability="reliable"))
    assert w.change(CONFIGURE)
    w.until(lambda: w.node.get_publishers_info_by_topic("/cell/image"))
    (info,) = w.node.get_publishers_info_by_topic("/cell/image")
    assert info.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    assert parameters(w)["qos_overrides./cell/image.publisher.depth"] == 9


@pytest.mark.parametrize(
    ("node", "topic", "end", "policies", "says"),
    [
        ("contact", "/cell/contact/state", "publisher", {"reliability": "best_effort"}, "others hear it reliably"),
        ("contact", "/cell/wrench", "subscription", {"reliability": "reliable"}, "it is offered as best effort"),
        ("contact", "/cell/wrench", "subscription", {"depth": 0}, "a depth of 1 or more"),
    ],
)
def test_qos_that_would_part_two_ends_is_refused_in_one_line(watch, tmp_path, node, topic, end, policies, says):
    w = watch(node, params_file=overrides(tmp_path, topic, end, **policies))
    assert not w.change(CONFIGURE) and w.state() == State.PRIMARY_STATE_UNCONFIGURED
    w.process.terminate()
    text = w.process.stdout.read()
    assert says in text and "Traceback" not in text
