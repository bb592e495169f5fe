"""Bringing a cell up: every node configured, all at once, then activated in the cell's order. `medrobot` and the launch file use this."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from medrobot_ros.description import start_order
from medrobot_ros.errors import MachineError, MedrobotError
from medrobot_ros.nodes.executor import make_executor
from medrobot_ros.nodes.parameters import Parameters

READY_S = 180.0  # the first start on a machine compiles
ANSWER_S = 2.0


class Bringup:
    """Asks the nodes of a cell through their lifecycle services. `spin(seconds)` serves the asking node's callbacks."""

    def __init__(self, node: Any, names: Sequence[str], spin: Callable[[float], None]) -> None:
        self._node, self._names, self._spin = node, names, spin
        self._clients = {n: node.create_client(ChangeState, f"{n}/change_state") for n in names}

    def run(self, going: Callable[[], bool] = lambda: True) -> bool:
        """Both steps; False where `going` ended first. Raises: MachineError that names the nodes that would not."""
        until = time.monotonic() + READY_S
        try:
            return self._step(Transition.TRANSITION_CONFIGURE, "configured", self._names, until, going) and all(
                self._step(Transition.TRANSITION_ACTIVATE, "activated", (name,), until, going) for name in self._names
            )
        finally:
            for client in self._clients.values():
                self._node.destroy_client(client)

    def _step(self, transition: int, done: str, names: Sequence[str], until: float, going: Callable[[], bool]) -> bool:
        asked: dict[str, Any] = {}
        while going():
            for name in names:
                if name not in asked and self._clients[name].service_is_ready():
                    self._check_alone(name)
                    request = ChangeState.Request()
                    request.transition.id = transition
                    asked[name] = self._clients[name].call_async(request)
            self._spin(0.02)
            answered = {n: f.result() for n, f in asked.items() if f.done()}
            if refused := [n for n, r in answered.items() if r is None or not r.success]:
                self._check_own(refused[0])
                raise MachineError(f"{', '.join(refused)} could not be {done}")
            if len(answered) == len(names):
                return True
            if time.monotonic() > until:
                raise MachineError(f"{', '.join(n for n in names if n not in answered)} not {done} within {READY_S:g} s")
        return False

    def _check_alone(self, name: str) -> None:
        """Two cells under one name would answer each other's sensors: this one goes no further."""
        if self._node.get_node_names_and_namespaces().count((name, self._node.get_namespace())) > 1:
            raise self._another()

    def _check_own(self, name: str) -> None:
        """A node that refuses to be configured because it is already is another cell's, heard before the own process had started."""
        client = self._node.create_client(GetState, f"{name}/get_state")
        future, until = client.call_async(GetState.Request()), time.monotonic() + ANSWER_S
        while not future.done() and time.monotonic() < until:
            self._spin(0.02)
        self._node.destroy_client(client)
        if future.done() and future.result().current_state.id in (State.PRIMARY_STATE_INACTIVE, State.PRIMARY_STATE_ACTIVE):
            raise self._another()

    def _another(self) -> MachineError:
        namespace = self._node.get_namespace()
        return MachineError(f"another cell runs in namespace {namespace}; give this one another namespace or another ROS_DOMAIN_ID")


def main() -> int:
    """The node `bringup`: ends with 0 once the cell is active, with 1 and one line where a node would not."""
    rclpy.init()
    node = Node("bringup")
    executor = make_executor()
    executor.add_node(node)
    try:
        config = Parameters(node, lambda: True, lambda config: None).config
        Bringup(node, start_order(config), lambda s: executor.spin_once(timeout_sec=s)).run(rclpy.ok)
        return 0
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except MedrobotError as e:
        print(f"bringup: {e}", file=sys.stderr)
        return 1
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
