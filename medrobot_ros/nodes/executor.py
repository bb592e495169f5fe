"""Running a node: which executor, and how it ends."""

import gc
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from medrobot_ros.errors import MachineError, MedrobotError
from medrobot_ros.nodes.entry import ENDING
from medrobot_ros.nodes.realtime import prepare, prioritise

WAIT_S = 0.05
TWICE_S = 1.0


class Ended(BaseException):
    """SIGINT or SIGTERM arrived while a node was being made."""


class _Signals:
    """Ends a node: at once while it is being made; later, on SIGINT once it is ready to leave, on SIGTERM or a second SIGINT at once.

    Two within a second are one: a terminal and a launch system both pass on the same Ctrl-C.
    """

    def __init__(self) -> None:
        self.asked = self.serving = self._at_once = False
        self._first_s: float | None = None
        self.ready: Callable[[], bool] = lambda: True
        for number in ENDING:
            signal.signal(number, self._arrived)

    def _arrived(self, number: int, *_: Any) -> None:
        now = time.monotonic()
        self._first_s = now if self._first_s is None else self._first_s
        self._at_once |= number == signal.SIGTERM or now - self._first_s > TWICE_S
        self.asked = True
        if not self.serving:
            raise Ended

    def running(self) -> bool:
        """Whether the node is to go on."""
        return not (self._at_once or (self.asked and self.ready()))


def make_executor(kind: str = "auto") -> Any:
    """The executor that `ros.executor` names. Raises: MachineError for one that this rclpy does not have."""
    if kind == "single":
        return SingleThreadedExecutor()
    try:
        from rclpy.experimental.events_executor import EventsExecutor
    except ImportError:
        if kind == "events":
            raise MachineError("ros.executor = 'events': this rclpy has none; valid: auto, single") from None
        return SingleThreadedExecutor()
    return EventsExecutor()


def run(make: Callable[[], Any], args: list[str] | None = None) -> int:
    """A node's whole life: start the middleware, make the node, serve it until a signal, end clean. Returns an exit status."""
    node = None
    try:
        signals = _Signals()
        prepare()
        gc.disable()  # what loads is no garbage; to look through it takes a twentieth of the time until ready
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        node = make()
        gc.enable()
        signals.ready, signals.serving = node.may_leave, True
        node.serve(signals.running)
    except (Ended, ExternalShutdownException):
        pass
    except MedrobotError as e:
        print(f"{node.get_name() if node else 'node'}: {e}", file=sys.stderr)
        return 1
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        prioritise(None)  # leaving takes long enough to starve a retreat of the others
        gc.unfreeze()  # so that extension modules find their objects collected at exit
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
