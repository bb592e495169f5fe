"""The node `view`, which runs beside rviz and nowhere else: what rviz cannot draw of the cell's messages by itself.

The skin's normals and what contact does become markers, and accepted images a volume of points, while they come or are played back.
"""

import os
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

from geometry_msgs.msg import Point, Vector3
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from medrobot_ros.imaging.live import LiveVolume
from medrobot_ros.interfaces import VIEW_MARKERS, VIEW_VOLUME, topic
from medrobot_ros.messages import Codec
from medrobot_ros.nodes.executor import make_executor
from medrobot_ros.nodes.stage_node import message_type, qos
from medrobot_ros.signals import ContactStatus, Image, ImageGeometry, ImageQuality, ProbeState, Surface, VolumeCloud

HEARD = ("contact/state", "surface", "probe/pose", "image/geometry", "image", "image/quality")
NICENESS = 10  # drawing waits for the cell
PERIOD_S, WAIT_S = 2.0, 0.05  # between two volumes; for the next message
NORMALS, NORMAL_M = 600, 0.012
TEXT_M, TEXT_ABOVE_M = 0.025, 0.25
VOXEL_MM, BRIGHT = 2.0, 70  # coarse: it is redrawn while the probe scans; only bright voxels are shown
IMAGES = 30  # that wait for their verdicts
_LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Drawing:
    """What is to be drawn, from the cell's signals."""

    def __init__(self) -> None:
        self._images: deque[Image] = deque(maxlen=IMAGES)
        self._volume: LiveVolume | None = None

    def take(self, signal: Any) -> list[Marker]:
        """One signal; markers that it makes anew."""
        if isinstance(signal, ContactStatus):
            return [_text(signal)]
        if isinstance(signal, Surface):
            return [_normals(signal)]
        if isinstance(signal, ImageGeometry):
            self._volume = LiveVolume(signal, VOXEL_MM)
        elif isinstance(signal, Image):
            self._images.append(signal)
        elif self._volume is not None:
            self._grow(self._volume, signal)
        return []

    def _grow(self, volume: LiveVolume, signal: Any) -> None:
        if isinstance(signal, ProbeState):
            volume.hear(signal)
        elif isinstance(signal, ImageQuality) and signal.accepted:
            for image in (i for i in self._images if i.stamp_ns == signal.stamp_ns):
                volume.add(image)
        volume.advance()

    def volume(self) -> VolumeCloud | None:
        """Bright voxels in base; None where nothing was added since the last."""
        cloud = None if self._volume is None else self._volume.cloud(0)
        if cloud is None:
            return None
        bright = cloud.grey >= BRIGHT
        return VolumeCloud(cloud.stamp_ns, cloud.points[bright], cloud.grey[bright])


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
        self._drawing, self._codec = Drawing(), Codec(message_type)
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
            if monotonic() >= next_s and (cloud := self._drawing.volume()) is not None:
                next_s = monotonic() + PERIOD_S
                self._volume.publish(self._codec.encode("volume", cloud))
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
