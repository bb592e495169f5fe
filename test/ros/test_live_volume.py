"""The volume while it grows, as rviz sees it: over DDS, from the imaging node of another process."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

from node_process import ACTIVATE, CONFIGURE
from support import POINTING_DOWN

from medrobot_ros.config import CellConfig
from medrobot_ros.geometry.pose import pose
from medrobot_ros.imaging.live import LIVE
from medrobot_ros.interfaces import topic
from medrobot_ros.messages import Codec
from medrobot_ros.nodes.stage_node import message_type, qos
from medrobot_ros.signals import PatientTruth, ProbeState, TaskStatus

VOXEL_M = 1e-3 * LIVE.spacing_mm[0]
STEP_M, PERIOD_NS = 0.0005, 20_000_000
LEAST = ("contact_share", "visibility", "target_visibility", "confidence", "penetration_m")
ANY_IMAGE = {**{f"quality__min_{figure}": 0.0 for figure in LEAST}, "quality__max_shadow_share": 1.0, "quality__max_blur": 1.0}


def test_the_volume_grows_for_another_process_and_a_latecomer_gets_the_last(watch):
    """A probe walks towards the head over a patient of the twin; each image counts."""
    w, codec = watch("imaging", imaging__volume_hz=5.0, **ANY_IMAGE), Codec(message_type)
    heard = {n: w.node.create_publisher(message_type(topic(n).type), n, qos(topic(n)))
             for n in ("twin/probe_pose", "twin/patient", "probe/pose", "task/state")}  # fmt: skip
    assert w.change(CONFIGURE) and w.change(ACTIVATE)
    w.until(lambda: all(p.get_subscription_count() for p in heard.values()))
    y_m = []

    def walk():
        """The next place, and the truth about it."""
        stamp_ns, T = PERIOD_NS * (len(y_m) + 1), pose(POINTING_DOWN, np.array([0.0, STEP_M * len(y_m), -0.004]))
        truth = PatientTruth(stamp_ns, np.zeros(6), T, np.eye(4), np.eye(4), 0.0, 0.0, 0.004)
        said = {"twin/probe_pose": truth, "twin/patient": truth, "probe/pose": ProbeState(stamp_ns, T)}
        for name, signal in said.items():
            heard[name].publish(codec.encode(name, signal))
        y_m.append(T[1, 3])

    def walked_to(volumes):
        walk()
        return len(w.heard.get("volume", ())) >= volumes

    w.until(lambda: walked_to(0) and len(w.heard.get("image", ())) > 2)
    assert "volume" not in w.heard, "images outside an examination make up none"
    heard["task/state"].publish(codec.encode("task/state", TaskStatus(1, "scanning", "scan")))
    w.until(lambda: walked_to(4))
    clouds = [codec.decode("volume", m) for m in w.heard["volume"]]
    sizes = [len(c.points) for c in clouds]
    assert sizes == sorted(sizes) and sizes[-1] > sizes[0] > 0
    assert w.heard["volume"][-1].header.frame_id == "base"
    x, y, z = clouds[-1].points.T
    assert y.min() > -VOXEL_M and y.max() < y_m[-1] + VOXEL_M and np.ptp(y) > 4 * VOXEL_M
    assert -CellConfig().imaging.depth_m - 0.004 - VOXEL_M < z.min() < -0.05 and abs(x.min() + x.max()) < 4 * VOXEL_M

    late = []
    w.node.create_subscription(message_type(topic("volume").type), "volume", late.append, qos(topic("volume")))
    w.until(lambda: late and codec.decode("volume", late[-1]).stamp_ns >= clouds[-1].stamp_ns)
