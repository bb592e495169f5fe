"""What is drawn beside rviz, on the topic that the view's configuration names."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from node_process import Watcher
from rclpy.qos import DurabilityPolicy, QoSProfile

from medrobot_ros.interfaces import VIEW_MARKERS, topic
from medrobot_ros.messages import Codec
from medrobot_ros.nodes.stage_node import message_type, qos
from medrobot_ros.signals import ContactStatus, Surface


def test_what_contact_does_and_the_skins_normals_are_drawn():
    w = Watcher("view")
    try:
        seen = {}
        latched = QoSProfile(depth=2, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        w.node.create_subscription(message_type("visualization_msgs/msg/MarkerArray"), VIEW_MARKERS,
                                   lambda m: seen.update({k.ns: k for k in m.markers}), latched)  # fmt: skip
        surface = Surface(1, np.zeros((5, 3)), np.tile([0.0, 0.0, 1.0], (5, 1)))
        codec, said = Codec(message_type), {"contact/state": ContactStatus(1, "scan", "scan", 5.04), "surface": surface}
        publishers = {n: w.node.create_publisher(message_type(topic(n).type), n, qos(topic(n))) for n in said}
        for name, signal in said.items():
            publishers[name].publish(codec.encode(name, signal))
        w.until(lambda: len(seen) == len(said))
    finally:
        status = w.close()
    assert status == 0
    assert seen["contact"].text == "scan 5.0 N" and seen["contact"].header.frame_id == "probe"
    assert len(seen["normals"].points) == 10 and seen["normals"].points[1].z == pytest.approx(0.012)
