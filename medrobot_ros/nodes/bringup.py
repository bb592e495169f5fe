"""Bringing a cell up: every node configured, then activated in the cell's order. `medrobot` and the launch file use this.

All are configured at once but the hardware, whose loop runs from then on and would take the time of those that are still loading.
"""

import os
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
from medrobot_ros.network import environment
from medrobot_ros.nodes.executor import make_executor
from medrobot_ros.nodes.parameters import Parameters

READY_S = 180.0  # the first start on a machine compiles
ANSWER_S = 2.0
REACHES = {
    Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
}


class Bringup:
    """Asks the nodes of a cell through their lifecycle services. `spin(seconds)` serves the asking node's next callback."""

    def __init__(self, node: Any, names: Sequence[str], spin: Callable[[float], None]) -> None:
        self._node, self._names, self._spin = node, names, spin
        self._asked = {n: _Asked(node, n) for n in names}

    def run(self, going: Callable[[], bool] = lambda: True) -> bool:
        """Both steps; False where `going` ended first. Raises: MachineError that names the nodes that would not."""
        until = time.monotonic() + READY_S
        others, clock = (tuple(n for n in self._names if (n == "hardware") is last) for last in (False, True))
        configure = ((Transition.TRANSITION_CONFIGURE, "configured", names) for names in (others, clock))
        activate = ((Transition.TRANSITION_ACTIVATE, "activated", (name,)) for name in self._names)
        try:
            return all(self._step(*step, until, going) for step in (*configure, *activate))
        finally:
            for asked in self._asked.values():
                asked.close()

    def _step(self, transition: int, done: str, names: Sequence[str], until: float, going: Callable[[], bool]) -> bool:
        waiting = dict.fromkeys(names, False)
        while going():
            for name, sent in waiting.items():
                if not sent and self._asked[name].heard():
                    self._check_alone(name)
                    self._asked[name].change(transition)
                    waiting[name] = True
            self._spin(0.02)
            answers = {name: self._asked[name].answer() for name, sent in waiting.items() if sent}
            if refused := [name for name, answer in answers.items() if answer is False]:
                self._check_own(refused[0])
                raise MachineError(f"{', '.join(refused)} could not be {done}")
            waiting = {name: sent for name, sent in waiting.items() if not answers.get(name)}
            if not waiting:
                return True
            if time.monotonic() > until:
                raise MachineError(f"{', '.join(waiting)} not {done} within {READY_S:g} s")
        return False

    def _check_alone(self, name: str) -> None:
        """Two cells under one name would answer each other's sensors: this one goes no further."""
        if self._node.get_node_names_and_namespaces().count((name, self._node.get_namespace())) > 1:
            raise self._another()

    def _check_own(self, name: str) -> None:
        """A node that refuses to be configured because it is already is another cell's, heard before the own process had started."""
        until = time.monotonic() + ANSWER_S
        while (state := self._asked[name].state()) is None and time.monotonic() < until:
            self._spin(0.02)
        if state in (State.PRIMARY_STATE_INACTIVE, State.PRIMARY_STATE_ACTIVE):
            raise self._another()

    def _another(self) -> MachineError:
        namespace = self._node.get_namespace()
        return MachineError(f"another cell runs in namespace {namespace}; give this one another namespace or another ROS_DOMAIN_ID")


class _Asked:
    """One node and what it was asked. A first answer may be lost, its server only just discovering the client: then the state tells."""

    def __init__(self, node: Any, name: str) -> None:
        self._node = node
        self._changer = node.create_client(ChangeState, f"{name}/change_state")
        self._getter = node.create_client(GetState, f"{name}/get_state")

    def heard(self) -> bool:
        return bool(self._changer.service_is_ready() and self._getter.service_is_ready())

    def change(self, transition: int) -> None:
        request = ChangeState.Request()
        request.transition.id = transition
        self._reaches = REACHES[transition]
        self._changed, self._state = self._changer.call_async(request), None
        self._patient_until = time.monotonic() + ANSWER_S

    def answer(self) -> bool | None:
        """Whether it did as asked; None while that is not known."""
        if self._changed.done():
            return bool(self._changed.result() and self._changed.result().success)
        return True if time.monotonic() > self._patient_until and self.state() == self._reaches else None

    def state(self) -> int | None:
        """The state it says it is in; None while it has not. Each answer is good once, and a lost one is asked for again."""
        if self._state is None or time.monotonic() > self._state_until:
            self._state, self._state_until = self._getter.call_async(GetState.Request()), time.monotonic() + ANSWER_S
        if not self._state.done():
            return None
        state, self._state = self._state.result(), None
        return state and int(state.current_state.id)

    def close(self) -> None:
        self._node.destroy_client(self._changer)
        self._node.destroy_client(self._getter)


def main(args: list[str]) -> int:
    """The node `bringup`: ends with 0 once the cell is active, with 1 and one line where a node would not."""
    os.environ.update(environment())
    rclpy.init(args=args)
    node = Node("bringup")
    executor = make_executor()
    executor.add_node(node)
    try:
        config = Parameters(node, lambda: True, lambda config: None, lambda config: None).config
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
