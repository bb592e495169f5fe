"""What is drawn beside rviz: from the signals of a cell or of a record, on the topics that the view's configuration names."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from node_process import AGAIN_S, Watcher
from rclpy.qos import DurabilityPolicy, QoSProfile

from medrobot_ros.interfaces import VIEW_MARKERS, VIEW_VOLUME, topic
from medrobot_ros.messages import Codec
from medrobot_ros.nodes.stage_node import message_type, qos
from medrobot_ros.signals import ContactStatus, Image, ImageGeometry, ImageQuality, ProbeState, Surface

POINTING_DOWN = np.diag([1.0, -1.0, -1.0, 1.0])
MS = 1_000_000


def test_contact_normals_and_accepted_images_are_drawn():
    w = Watcher("view")
    try:
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        seen = {}
        w.node.create_subscription(message_type("visualization_msgs/msg/MarkerArray"), VIEW_MARKERS,
                                   lambda m: seen.update({k.ns: k for k in m.markers}), latched)  # fmt: skip
        w.node.create_subscription(message_type("sensor_msgs/msg/PointCloud2"), VIEW_VOLUME, lambda m: seen.update(volume=m), latched)
        codec = Codec(message_type)
        pixels = np.zeros((40, 50), np.uint8)
        pixels[20:, :] = 200
        geometry = ImageGeometry(0, "linear", 40, 50, (1e-3, 1e-3), np.eye(4), 0.04, 0.05)
        normals = np.tile([0.0, 0.0, 1.0], (5, 1))
        said = [
            ("image/geometry", geometry), ("contact/state", ContactStatus(1, "scan", "scan", 5.04)),
            ("surface", Surface(1, np.zeros((5, 3)), normals)),
            ("probe/pose", ProbeState(102 * MS, POINTING_DOWN)), ("image", Image(102 * MS, pixels)),
            ("image/quality", ImageQuality(102 * MS, 1.0, 1.0, (-0.02, 0.02), True)),
        ]  # fmt: skip
        publishers = [w.node.create_publisher(message_type(topic(n).type), n, qos(topic(n))) for n, _ in said]
        w.until(lambda: all(p.get_subscription_count() for p in publishers))

        def drawn():
            for publisher, (name, signal) in zip(publishers, said, strict=True):
                publisher.publish(codec.encode(name, signal))
                w.executor.spin_once(timeout_sec=0.1 * AGAIN_S)
            return {"contact", "normals", "volume"} <= set(seen)

        w.until(drawn)
    finally:
        status = w.close()
    assert status == 0
    assert seen["contact"].text == "scan 5.0 N" and seen["contact"].header.frame_id == "probe"
    assert len(seen["normals"].points) == 10 and seen["normals"].points[1].z == pytest.approx(0.012)
    cloud = np.frombuffer(seen["volume"].data, "<f4").reshape(-1, 4)
    assert cloud[:, 3].max() == pytest.approx(200.0, abs=1.0)
    # The lower half of an image whose rows run along the probe's y, which points to base's -y.
    assert cloud[:, 1].max() <= -0.018 and cloud[:, 1].min() == pytest.approx(-0.039, abs=0.003)
    assert cloud[:, 2] == pytest.approx(0.0, abs=1e-6)
