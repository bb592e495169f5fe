"""The operator's side of a cell over ROS 2: starts its processes, the task, and follows both to the end."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from medrobot_ros.config import CellConfig
from medrobot_ros.description import cell_nodes, nodes_here, start_order
from medrobot_ros.errors import MachineError
from medrobot_ros.interfaces import NAMESPACE, SERVICES, topic
from medrobot_ros.messages import Codec
from medrobot_ros.nodes.bringup import Bringup
from medrobot_ros.nodes.executor import make_executor
from medrobot_ros.nodes.interrupts import Interrupts
from medrobot_ros.nodes.processes import Processes
from medrobot_ros.nodes.stage_node import message_type, qos
from medrobot_ros.progress import Progress

READY_S, SERVICE_S, ABORT_S, SHOW_S = 10.0, 5.0, 20.0, 0.1
WATCHED = ("task/state", "safety/state", "contact/state", "image/quality")


class Operator:
    """A client node: hears the cell's state and asks for its services."""

    def __init__(self, namespace: str = NAMESPACE) -> None:
        rclpy.init(args=["--ros-args", "--enclave", f"/{namespace}/operator"], signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node("operator", namespace=namespace)
        self._codec = Codec(message_type)
        self.heard: dict[str, Any] = {}
        for name in WATCHED:
            t = topic(name)
            self.node.create_subscription(message_type(t.type), name, self._hear(name), qos(t))
        # from the start: the answer to a client that has only just come may be lost
        self._clients = {s.name: self.node.create_client(Trigger, s.name) for s in SERVICES}
        self._executor = make_executor()
        self._executor.add_node(self.node)

    def _hear(self, name: str) -> Callable[[Any], None]:
        def hear(message: Any) -> None:
            with suppress(ValueError):  # the nodes count bad messages; the operator only shows
                self.heard[name] = self._codec.decode(name, message)

        return hear

    def spin(self, seconds: float) -> None:
        """Listens for a while."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0.0:
            self.spin_once(left)

    def spin_once(self, seconds: float) -> None:
        """Listens until something comes, at most for a while."""
        self._executor.spin_once(timeout_sec=seconds)

    def ready(self) -> bool:
        """Whether the supervisor permits motion and the planner waits."""
        safety, task = self.heard.get("safety/state"), self.heard.get("task/state")
        return safety is not None and safety.state == "ok" and task is not None and not task.outcome

    def concluded(self) -> bool:
        """Whether the examination has an outcome, or never began."""
        task = self.heard.get("task/state")
        return task is None or bool(task.outcome) or task.phase == ""

    def call(self, service: str) -> tuple[bool, str]:
        """Asks for one of the cell's services.

        Raises: MachineError where nobody answers.
        """
        client, until = self._clients[service], time.monotonic() + SERVICE_S
        while not client.service_is_ready() and time.monotonic() < until:
            self.spin(0.05)
        future = client.call_async(Trigger.Request())
        while not future.done() and time.monotonic() < until:
            self.spin(0.02)
        response = future.result() if future.done() else None
        if response is None:
            raise MachineError(f"{service}: no answer within {SERVICE_S:g} s")
        return response.success, response.message

    def close(self) -> None:
        """Leaves the graph."""
        self._executor.remove_node(self.node)
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()


def wait_ready(config: CellConfig, operator: Operator, cell: Processes, log: Path, interrupts: Interrupts) -> None:
    """Brings the nodes up and listens until the cell is ready or a person interrupts.

    Raises: MachineError where a process ends or time runs out.
    """

    def going() -> bool:
        if dead := cell.dead():
            raise MachineError(f"{', '.join(dead)} did not start: {_last_line(log)}")
        return not interrupts.count

    try:
        Bringup(operator.node, start_order(config), operator.spin_once).run(going)
    except MachineError as e:
        raise MachineError(f"{e} ({_last_line(log)})") from None
    until = time.monotonic() + READY_S
    while not operator.ready() and going():
        operator.spin_once(0.05)
        if time.monotonic() > until:
            safety = operator.heard.get("safety/state")
            state = safety.state if safety else "silent"
            raise MachineError(f"the cell was not ready within {READY_S:g} s (safety: {state}; {_last_line(log)})")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def examine(config: CellConfig, folder: Path, progress: Progress, interrupts: Interrupts, namespace: str = NAMESPACE) -> None:
    """One examination from start-up to the end of every process.

    Ctrl-C aborts the task, upon which the arm retreats; a second one ends at once.
    """
    cell = Processes(config, cell_nodes(config), folder, namespace)
    operator = Operator(namespace)
    try:
        wait_ready(config, operator, cell, folder / "log.txt", interrupts)
        if not interrupts.count:
            granted, why = operator.call("task/start")
            if not granted:
                raise MachineError(f"the task did not start: {why}")
            _follow(operator, cell, progress, interrupts)
    finally:
        progress.end()
        operator.close()
        _end(cell, operator.concluded(), interrupts)


def _end(cell: Processes, concluded: bool, interrupts: Interrupts) -> None:
    if interrupts.count > 1:
        cell.kill()
    else:
        cell.end(concluded)


def _follow(operator: Operator, cell: Processes, progress: Progress, interrupts: Interrupts) -> None:
    """Shows progress until the task has an outcome, a node has died, or a person insists."""
    began = time.monotonic()
    abort_by: float | None = None
    while interrupts.count < 2:
        operator.spin(SHOW_S)
        task = operator.heard["task/state"]
        progress.show(time.monotonic() - began, task, operator.heard.get("contact/state"), operator.heard.get("image/quality"))
        if task.outcome or "planner" in cell.dead() or (abort_by is not None and time.monotonic() > abort_by):
            return
        if interrupts.count and abort_by is None:
            abort_by = time.monotonic() + ABORT_S
            operator.call("task/abort")


def keep_up(config: CellConfig, folder: Path, interrupts: Interrupts, namespace: str = NAMESPACE, here: str = "") -> None:
    """Brings the cell up, says how to use it, and keeps it until Ctrl-C or until a node ends. A second Ctrl-C ends at once.

    Of the nodes `here` alone where some are named: then the machine that has the hardware brings up those of the others.
    """
    nodes = nodes_here(config, here)
    cell = Processes(config, nodes, folder, namespace)
    operator = Operator(namespace)
    try:
        if "hardware" in nodes:
            wait_ready(config, operator, cell, folder / "log.txt", interrupts)
            if interrupts.count:
                return
            print(f"the cell is up in namespace /{namespace}; begin with: ros2 service call /{namespace}/task/start std_srvs/srv/Trigger")
        else:
            print(f"{', '.join(nodes)} of /{namespace} wait for the machine with the hardware")
        print(f"recording to {folder}; Ctrl-C ends" if config.recording.enabled and "recorder" in nodes else "not recording; Ctrl-C ends")
        while not interrupts.count and not cell.dead():
            operator.spin(SHOW_S)
        if dead := cell.dead():
            raise MachineError(f"{', '.join(dead)} ended: {_last_line(folder / 'log.txt')}")
        if "hardware" in nodes and not operator.concluded():
            operator.call("task/abort")
            until = time.monotonic() + ABORT_S
            while not operator.concluded() and interrupts.count < 2 and time.monotonic() < until:
                operator.spin(SHOW_S)
    finally:
        operator.close()
        _end(cell, operator.concluded(), interrupts)
