"""An arm of one's own: any URDF and a small YAML. The example has six joints and is not in the repository's list."""

import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import yaml
import yourdfpy

from medrobot_ros.arms import expand_cell, expand_urdf, ik, load_arm
from medrobot_ros.cli import main
from medrobot_ros.config import ArmSection
from medrobot_ros.errors import ConfigError, UnknownName

FILE = Path(__file__).parents[1] / "data" / "ur_like.yaml"
URDF = FILE.with_suffix(".urdf")


def own(tmp_path, **changes):
    """Path of the example's YAML with values changed, or left out where they are None."""
    values = yaml.safe_load(FILE.read_text()) | {"urdf": str(URDF)} | changes
    path = tmp_path / "my_arm.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in values.items() if v is not None}))
    return str(path)


@pytest.fixture(scope="module")
def model():
    return load_arm(str(FILE), "curvilinear")


def test_six_joints_with_a_probe_and_limits_of_their_own(model):
    assert model.n == 6 and model.name == "ur_like" and model.flange_link == "tool0"
    assert model.T_flange_probe[:3, 3] == pytest.approx([0.0, 0.0, 0.16])
    assert model.qdd_max == pytest.approx(model.qd_max) and (model.brake_rad_per_s2 >= model.qdd_max).all()
    reach_m = model.T_base_flange(np.zeros(6))[:3, 3]
    assert reach_m == pytest.approx([-0.8172, -0.2329, 0.0628], abs=1e-6)  # the maker's DH lengths, added up


def test_forward_kinematics_equals_an_independent_loaders(model):
    robot = yourdfpy.URDF.load(io.BytesIO(expand_urdf(str(FILE), "curvilinear").encode()), load_meshes=False, build_scene_graph=True)
    for q in np.random.default_rng(3).uniform(model.q_lower, model.q_upper, (10, 6)):
        robot.update_cfg(dict(zip(model.joint_names, q, strict=True)))
        assert model.T_base_probe(q) == pytest.approx(robot.get_transform("probe", "base_link"), abs=1e-9)


def test_inverse_kinematics_closes_on_six_joints(model):
    rng = np.random.default_rng(2)
    for q in model.q_home + rng.uniform(-0.4, 0.4, (20, 6)):
        found = ik.solve(model, model.T_base_probe(q), model.q_home)
        assert found.q is not None, found.reason
        assert model.T_base_probe(found.q) == pytest.approx(model.T_base_probe(q), abs=2e-5)


def test_a_file_of_given_limits_is_taken_at_its_word(tmp_path):
    arm = load_arm(own(tmp_path, acceleration_rad_per_s2=[2.0] * 6, tool_yaw_rad=0.5, display="Mine"), "linear")
    assert arm.qdd_max.tolist() == [2.0] * 6 and arm.display == "Mine"
    assert arm.T_flange_ft[:2, 0] == pytest.approx([np.cos(0.5), np.sin(0.5)])


def test_a_missing_home_is_offered_and_the_offer_is_good(tmp_path):
    path = own(tmp_path, home_rad=None)
    with pytest.raises(ConfigError, match="home_rad is missing") as refused:
        load_arm(path, "curvilinear")
    offered = json.loads(str(refused.value).split("home_rad: ")[1])
    arm = load_arm(own(tmp_path, home_rad=offered, display="again"), "linear")
    assert arm.T_base_probe(arm.q_home)[:3, 3] == pytest.approx([0.5, 0.0, 0.35], abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"home_rad": [0.0] * 6}, "does not point down at home_rad; this one holds the probe down"),
        ({"home_rad": [0.0, 0.0, 4.0, 0.0, 0.0, 0.0]}, "elbow_joint = 4.000 rad lies 0.858 rad beyond"),
        ({"home_rad": [0.0] * 7}, "must give 6 numbers a joint list"),
        ({"acceleration": [1.0] * 6}, "'acceleration' is unknown; the nearest is 'acceleration_rad_per_s2'"),
        ({"flange": None}, "key 'flange' is missing; it must hold urdf, flange"),
        ({"flange": "tool_0"}, "did you mean 'tool0'"),
        ({"urdf": "nowhere.urdf"}, "there is no"),
    ],
)
def test_a_bad_file_is_named(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        load_arm(own(tmp_path, **changes), "curvilinear")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("</robot>", "", "does not expand"),
        ('<link name="tool0"/>', '<link name="tool0"/><link name="probe"/>', "'probe' has the name of one that the cell adds"),
        ('<link name="tool0"/>', '<link name="tool0"/><link name="loose"/>', "one root link, not 2"),
    ],
)
def test_a_bad_urdf_is_named(tmp_path, before, after, message):
    urdf = tmp_path / "bad.urdf"
    urdf.write_text(URDF.read_text().replace(before, after))
    with pytest.raises(ConfigError, match=message):
        load_arm(own(tmp_path, urdf=str(urdf)), "curvilinear")


def test_the_cell_places_it_and_takes_no_prefix():
    robot = ET.fromstring(expand_cell(str(FILE), "linear", "mock", (0.55, 0.0, 0.06), 0.0, -0.16))
    above = {j.find("child").get("link"): j.find("parent").get("link") for j in robot.findall("joint")}
    assert above["base_link"] == "world" and above["ft_sensor"] == "tool0" and above["probe"] == "ft_sensor"
    with pytest.raises(ConfigError, match="takes no prefix"):
        expand_urdf(str(FILE), "linear", prefix="left_")


def test_a_urdf_that_begins_at_a_link_world_keeps_it(tmp_path):
    urdf = tmp_path / "standing.urdf"
    urdf.write_text(URDF.read_text().replace('"base_link"', '"world"'))
    robot = ET.fromstring(expand_cell(own(tmp_path, urdf=str(urdf)), "linear", "mock", (0.55, 0.0, 0.06), 0.0, -0.16))
    assert [link.get("name") for link in robot.findall("link")].count("world") == 1


def test_a_name_that_is_no_file_is_still_looked_up():
    assert ArmSection("fr3").label == "fr3" and ArmSection("/a/b/mine.yaml").label == "mine"
    with pytest.raises(UnknownName, match="valid: fer, fr3"):
        load_arm("ur_like", "curvilinear")


def test_the_commands_take_its_file(capsys, tmp_path):
    assert main(["urdf", str(FILE)]) == 0 and 'name="wrist_3_joint"' in capsys.readouterr().out
    assert main(["config", "--arm", str(FILE)]) == 0 and f"arm.name: '{FILE}'" in capsys.readouterr().out
    assert main(["config", "--arm", str(tmp_path / "none.yaml")]) == 1
    assert "cannot read" in capsys.readouterr().err


def test_a_whole_examination_on_six_joints_is_accepted(tmp_path):
    options = ["--set", "scan.size_m=0.04,0.03", "--set", "scan.speed_m_per_s=0.03", "--yes", "--out", str(tmp_path)]
    assert main(["simulate", "--arm", str(FILE), *options]) == 0
    (folder,) = tmp_path.iterdir()
    summary = json.loads((folder / "summary.json").read_text())
    assert folder.name.split("-")[1] == summary["arm"] == "ur_like"
    assert summary["coverage"] >= 0.95 and summary["force_error_rmse_n"] <= 0.3 and summary["models"]["arm"]
    assert "ur_like" in (folder / "report.html").read_text()
