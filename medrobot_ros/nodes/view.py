"""The node `view`, which runs beside rviz and nowhere else: what rviz cannot draw of the cell's messages by itself.

The skin's normals and what contact does become markers, while a cell runs or a record is played back.
"""

import os
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import Point, Vector3
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from medrobot_ros.interfaces import VIEW_HEARS, VIEW_MARKERS, topic
from medrobot_ros.messages import Codec
from medrobot_ros.nodes.executor import make_executor
from medrobot_ros.nodes.stage_node import message_type, qos
from medrobot_ros.signals import ContactStatus, Surface

NICENESS = 10  # drawing waits for the cell
WAIT_S = 0.05
NORMALS, NORMAL_M = 600, 0.012
TEXT_M, TEXT_ABOVE_M = 0.025, 0.25


def contact_text(contact: ContactStatus) -> Marker:
    """What contact does, above the probe."""
    force = "" if contact.force_n is None else f" {contact.force_n:.1f} N"
    marker = Marker(header=Header(frame_id="probe"), ns="contact", type=Marker.TEXT_VIEW_FACING, frame_locked=True)
    marker.text = " ".join(filter(None, (contact.state + force, contact.reason)))
    marker.pose.position.z, marker.scale.z = -TEXT_ABOVE_M, TEXT_M
    marker.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
    return marker


def normals(surface: Surface) -> Marker:
    """Of some points of the skin."""
    some = slice(None, None, max(1, len(surface.points) // NORMALS))
    marker = Marker(header=Header(frame_id=topic("surface").frame), ns="normals", type=Marker.LINE_LIST)
    marker.points = [Point(x=x, y=y, z=z) for p, n in zip(surface.points[some], surface.normals[some], strict=True)
                     for x, y, z in (p.tolist(), (p + NORMAL_M * n).tolist())]  # fmt: skip
    marker.scale, marker.color = Vector3(x=0.001), ColorRGBA(r=0.3, g=0.6, b=0.9, a=0.6)
    return marker


DRAWN: dict[str, Callable[[Any], Marker]] = dict(zip(VIEW_HEARS, (contact_text, normals), strict=True))


class View:
    """The process's life."""

    def __init__(self) -> None:
        os.nice(NICENESS)
        self.node, self._codec = Node("view"), Codec(message_type)
        latched = QoSProfile(depth=len(DRAWN), durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._markers = self.node.create_publisher(MarkerArray, VIEW_MARKERS, latched)
        for row in map(topic, DRAWN):
            self.node.create_subscription(message_type(row.type), row.name, self._receiver(row.name), qos(row))

    def _receiver(self, name: str) -> Callable[[Any], None]:
        def receive(message: Any) -> None:
            try:
                signal = self._codec.decode(name, message)
            except ValueError:
                return  # the nodes count bad messages
            self._markers.publish(MarkerArray(markers=[DRAWN[name](signal)]))

        return receive

    def serve(self, running: Callable[[], bool]) -> None:
        """Draws while `running`."""
        executor = make_executor()
        executor.add_node(self.node)
        while running():
            executor.spin_once(timeout_sec=WAIT_S)
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
