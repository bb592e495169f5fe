"""Nodes that answer what arrives, in one process and one thread, woken by an executor.

Contact and kinematics answer each other within a tick: a message between processes would cost more than either computes.
"""

from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic_ns
from typing import Any

from medrobot_ros.interfaces import handed_over
from medrobot_ros.nodes.executor import WAIT_S, make_executor
from medrobot_ros.nodes.stage_node import StageNode
from medrobot_ros.stage import Shown

FIRST, ANSWERS = "joint_states", ("probe/twist", "probe/twist_command", "forward_position_controller/commands")
PATIENCE_NS = 1_000_000  # from joint states to the wrench of the same tick; chosen


class Together:
    """The life of a process that serves these nodes."""

    def __init__(self, nodes: Sequence[StageNode]) -> None:
        self._nodes = [_Answering(node) for node in nodes]
        self._outbox = Outbox(nodes)
        if len(nodes) > 1:
            for node in nodes:
                node.outbox = self._outbox

    def serve(self, running: Callable[[], bool]) -> None:
        """Serves their callbacks while `running`. `spin_once` in a loop: the events executor's own `spin` delivers nothing here."""
        executor = make_executor(self._nodes[0].node.config.ros.executor)
        for each in self._nodes:
            executor.add_node(each.node)
        try:
            while running():
                due_ns = max(self._outbox.hold_until_ns, min(each.due_ns for each in self._nodes))
                executor.spin_once(timeout_sec=min(WAIT_S, 1e-9 * max(0, due_ns - monotonic_ns())))
                if (now_ns := monotonic_ns()) >= self._outbox.hold_until_ns:
                    self._outbox.release()
                    for each in self._nodes:
                        each.settle(now_ns)
        finally:
            for each in self._nodes:
                executor.remove_node(each.node)
            executor.shutdown()

    def may_leave(self) -> bool:
        """Whether all may."""
        asked = [each.node.may_leave() for each in self._nodes]  # each of them, so that their time runs
        return all(asked)

    def get_name(self) -> str:
        """Their names."""
        return ", ".join(each.node.get_name() for each in self._nodes)

    def destroy_node(self) -> None:
        """Destroys all."""
        for each in self._nodes:
            each.node.destroy_node()


class Outbox:
    """What the nodes say. Answers go at once, from hand to hand where the other is here; the rest waits until the tick is answered."""

    def __init__(self, nodes: Sequence[StageNode]) -> None:
        self._names = tuple(node.get_name() for node in nodes)
        self._hears = {topic: node for node in nodes for topic in self.handed_to(node.get_name())}
        self._later: deque[tuple[StageNode, str, Any, StageNode | None]] = deque()
        self._shown = Shown()
        self.hold_until_ns = 0

    def handed_to(self, reader: str) -> frozenset[str]:
        """The topics that a node of these gets from another."""
        return handed_over(reader, self._names)

    def arrived(self, topic: str) -> None:
        """Notes what came from outside: joint states are followed by a wrench, which is to be answered first."""
        self.hold_until_ns = monotonic_ns() + PATIENCE_NS if topic == FIRST else 0

    def put(self, node: StageNode, topic: str, signal: Any) -> None:
        """Takes what a node says."""
        hears = self._hears.get(topic)
        if topic not in ANSWERS:
            self._later.append((node, topic, signal, hears))
        elif hears is None:
            node.publish(topic, signal)
        else:
            hears.receive(topic, signal)
            if self._shown.shows(topic, signal):
                self._later.append((node, topic, signal, None))

    def release(self) -> None:
        """Hands over and publishes what has waited."""
        while self._later:
            node, topic, signal, hears = self._later.popleft()
            if hears is not None:
                hears.receive(topic, signal)
            node.publish(topic, signal)


class _Answering:
    """One of them, ticked while it is configured."""

    def __init__(self, node: StageNode) -> None:
        self.node, self.due_ns = node, 0
        self._made = False

    def settle(self, now_ns: int) -> None:
        """Follows the node's lifecycle, outside of the transition's own callback, and ticks it when that is due."""
        if self._made and not self.node.configured:
            self.node.drop()
        self._made = self.node.configured
        if now_ns < self.due_ns:
            return
        self.due_ns = now_ns + round(1e9 * WAIT_S)
        if self._made:
            self.due_ns = now_ns + round(1e9 / self.node.stage.rate_hz)
            self.node.tick()
        else:
            self.node.diagnose()
