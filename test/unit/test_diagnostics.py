"""What a node says of itself, without a node."""

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from medrobot_ros.nodes.diagnostics import CLOCK_S, Diagnostics


class Publishing:
    """What Diagnostics asks of a node."""

    def __init__(self):
        self.sent = []

    def get_namespace(self):
        return "/cell"

    def get_name(self):
        return "safety"

    def create_publisher(self, *_):
        return self

    def publish(self, array):
        self.sent += array.status


@pytest.mark.parametrize(("offset_s", "level"), [(0.0, b"\x00"), (2.0 * CLOCK_S, b"\x01"), (-2.0 * CLOCK_S, b"\x01")])
def test_a_clock_that_is_off_is_told_by_the_youngest_heartbeat(offset_s, level):
    node = Publishing()
    diagnostics = Diagnostics(node, "fr3")
    for transit_s in (0.004, 0.001, 0.2, 0.003):
        diagnostics.beat("imaging", offset_s + transit_s)
    diagnostics.publish(1_000_000_000, "active", {})
    (status,) = node.sent
    values = {v.key: v.value for v in status.values}
    assert values["clock of imaging behind [ms]"] == f"{1e3 * offset_s + 1.0:.1f}"
    assert status.level == level and ("clock of imaging" in status.message) == (level != b"\x00")
    diagnostics.publish(2_000_000_000, "active", {})
    assert node.sent[-1].level == b"\x00", "each second is judged by itself"
