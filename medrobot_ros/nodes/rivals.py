"""Two sources of commands would fight over the arm: neither is obeyed."""

from typing import TYPE_CHECKING

from medrobot_ros.signals import StopRequest
from medrobot_ros.stage import EventLog

if TYPE_CHECKING:
    from medrobot_ros.nodes.stage_node import StageNode

COMMANDS = "forward_position_controller/commands"
PERIOD_NS = 200_000_000


class Rivals:
    """Looks for a second publisher on the topics by which a hardware `node` is commanded, or commands."""

    def __init__(self, node: "StageNode", events: EventLog, *topics: str) -> None:
        self._node, self._events, self._topics, self._checked_ns = node, events, topics, 0

    def check(self, now_ns: int) -> None:
        """Stops the cell where there is one; looks no oftener than need be, by the monotonic clock."""
        if not self._node.active or now_ns - self._checked_ns < PERIOD_NS:
            return
        self._checked_ns = now_ns
        for topic in self._topics:
            if self._node.count_publishers(topic) > 1:
                self._events.add(self._node.clock.now_ns(), "second_publisher", f"more than one publisher on {topic}")
                self._node.receive("safety/stop", StopRequest(True))
                self._node.send([("safety/stop", StopRequest(True))])
