"""The node `view`, which runs beside rviz and nowhere else: what rviz cannot draw of the cell's messages by itself.

The skin's normals and what contact does become markers, and accepted images a volume of points, while they come or are played back.
"""

import os
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Vector3
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from medrobot_ros.imaging.compounding import Compounder
from medrobot_ros.imaging.settings import Reconstruction
from medrobot_ros.interfaces import VIEW_MARKERS, VIEW_VOLUME, topic
from medrobot_ros.messages import Codec
from medrobot_ros.nodes.executor import make_executor
from medrobot_ros.nodes.stage_node import message_type, qos
from medrobot_ros.signals import Array, ContactStatus, Image, ImageGeometry, ImageQuality, ProbeState, Surface

HEARD = ("contact/state", "surface", "probe/pose", "image/geometry", "image", "image/quality")
NICENESS = 10  # drawing waits for the cell
PERIOD_S, WAIT_S = 2.0, 0.05  # between two volumes; for the next message
NORMALS, NORMAL_M = 600, 0.012
TEXT_M, TEXT_ABOVE_M = 0.025, 0.25
VOXEL_MM, STRIDE, BRIGHT = 2.0, 4, 70  # coarse: it is redrawn while the probe scans; only bright voxels are shown
POSES, IMAGES, NEAR_NS = 300, 30, 20_000_000  # kept; a pose this near in time is an image's
_LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Drawing:
    """What is to be drawn, from the cell's signals."""

    def __init__(self) -> None:
        self._geometry: ImageGeometry | None = None
        self._poses: deque[ProbeState] = deque(maxlen=POSES)
        self._images: deque[Image] = deque(maxlen=IMAGES)
        self._compounder = Compounder(Reconstruction((VOXEL_MM,) * 3, threshold=1), STRIDE)

    def take(self, signal: Any) -> list[Marker]:
        """One signal; markers that it makes anew."""
        if isinstance(signal, ContactStatus):
            return [_text(signal)]
        if isinstance(signal, Surface):
            return [_normals(signal)]
        if isinstance(signal, ImageGeometry):
            self._geometry = signal
        elif isinstance(signal, ProbeState):
            self._poses.append(signal)
        elif isinstance(signal, Image):
            self._images.append(signal)
        elif isinstance(signal, ImageQuality) and signal.accepted:
            self._compound(signal.stamp_ns)
        return []

    @property
    def images(self) -> int:
        """How many are in the volume."""
        return self._compounder.images

    def _compound(self, stamp_ns: int) -> None:
        image = next((i for i in self._images if i.stamp_ns == stamp_ns), None)
        pose = self._pose_at(stamp_ns)
        if image is None or pose is None or self._geometry is None:
            return
        column_m, row_m = self._geometry.spacing_m
        T_base_pixel = pose @ self._geometry.T_probe_image @ np.diag([column_m, row_m, 1.0, 1.0])
        self._compounder.add(image.pixels, np.diag([1e3, 1e3, 1e3, 1.0]) @ T_base_pixel)

    def _pose_at(self, stamp_ns: int) -> Array | None:
        k = bisect_left(self._poses, stamp_ns, key=lambda p: p.stamp_ns)
        near = [p for p in list(self._poses)[max(0, k - 1) : k + 1] if abs(p.stamp_ns - stamp_ns) <= NEAR_NS]
        return min(near, key=lambda p: abs(p.stamp_ns - stamp_ns)).T_base_probe if near else None

    def volume(self) -> PointCloud2:
        """Bright voxels in base, with their brightness."""
        volume = self._compounder.volume()
        places = np.argwhere(volume.voxels >= BRIGHT)
        points_m = 1e-3 * (np.array(volume.offset_mm) + places[:, ::-1] * np.array(volume.spacing_mm))
        rows = np.column_stack((points_m, volume.voxels[tuple(places.T)])).astype("<f4")
        kind = PointField.FLOAT32
        fields = [PointField(name=n, offset=4 * k, datatype=kind, count=1) for k, n in enumerate(("x", "y", "z", "intensity"))]
        return PointCloud2(
            header=Header(frame_id="base"), height=1, width=len(rows), fields=fields, point_step=16, row_step=16 * len(rows),
            data=array("B", rows.tobytes()), is_dense=True,
        )  # fmt: skip


def _text(contact: ContactStatus) -> Marker:
    """What contact does, above the probe."""
    force = "" if contact.force_n is None else f" {contact.force_n:.1f} N"
    marker = Marker(header=Header(frame_id="probe"), ns="contact", type=Marker.TEXT_VIEW_FACING, frame_locked=True)
    marker.text = " ".join(filter(None, (contact.state + force, contact.reason)))
    marker.pose.position.z, marker.scale.z = -TEXT_ABOVE_M, TEXT_M
    marker.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
    return marker


def _normals(surface: Surface) -> Marker:
    """Of some points of the skin."""
    some = slice(None, None, max(1, len(surface.points) // NORMALS))
    marker = Marker(header=Header(frame_id=topic("surface").frame), ns="normals", type=Marker.LINE_LIST)
    marker.points = [Point(x=x, y=y, z=z) for p, n in zip(surface.points[some], surface.normals[some], strict=True)
                     for x, y, z in (p.tolist(), (p + NORMAL_M * n).tolist())]  # fmt: skip
    marker.scale, marker.color = Vector3(x=0.001), ColorRGBA(r=0.3, g=0.6, b=0.9, a=0.6)
    return marker


class View:
    """The process's life."""

    def __init__(self) -> None:
        os.nice(NICENESS)
        self.node = Node("view")
        self._drawing, self._codec, self._drawn = Drawing(), Codec(message_type), 0
        self._markers = self.node.create_publisher(MarkerArray, VIEW_MARKERS, _LATCHED)
        self._volume = self.node.create_publisher(PointCloud2, VIEW_VOLUME, _LATCHED)
        for row in map(topic, HEARD):
            self.node.create_subscription(message_type(row.type), row.name, self._receiver(row.name), qos(row))

    def _receiver(self, name: str) -> Callable[[Any], None]:
        def receive(message: Any) -> None:
            try:
                markers = self._drawing.take(self._codec.decode(name, message))
            except ValueError:
                return  # the nodes count bad messages
            if markers:
                self._markers.publish(MarkerArray(markers=markers))

        return receive

    def serve(self, running: Callable[[], bool]) -> None:
        """Draws while `running`."""
        executor, next_s = make_executor(), 0.0
        executor.add_node(self.node)
        while running():
            executor.spin_once(timeout_sec=WAIT_S)
            if self._drawing.images > self._drawn and monotonic() >= next_s:
                self._drawn, next_s = self._drawing.images, monotonic() + PERIOD_S
                self._volume.publish(self._drawing.volume())
        executor.remove_node(self.node)
        executor.shutdown()

    def may_leave(self) -> bool:
        """At any time."""
        return True

    def get_name(self) -> str:
        """Of its node."""
        return self.node.get_name()

    def destroy_node(self) -> None:
        """Leaves the graph."""
        self.node.destroy_node()
