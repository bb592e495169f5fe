"""The processes of a cell, forked from the command's own.

What most nodes need (ROS, numpy, scipy, the arm and its compiled kernels) is loaded once, before: interpreters that each load it take
three times as long on two cores, and more memory.
"""

import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from rclpy.type_support import check_for_type_support

from medrobot_ros.arms import load_arm
from medrobot_ros.config import CellConfig
from medrobot_ros.description import ProcessDescription, enclave, processes, ros_arguments, write_parameters
from medrobot_ros.interfaces import TOPICS
from medrobot_ros.network import network_warnings
from medrobot_ros.nodes.entry import ENDING, run_node
from medrobot_ros.nodes.stage_node import message_type

END_S = 8.0
FORK = multiprocessing.get_context("fork")


class Processes:
    """The cell's processes, each in a session of its own so that the terminal's Ctrl-C reaches the operator alone.

    To be made before this process has threads or a ROS node of its own.
    """

    def __init__(self, config: CellConfig, nodes: Collection[str], folder: Path, namespace: str) -> None:
        for warning in network_warnings():
            print(warning, file=sys.stderr)
        parameters = folder / "parameters.yaml"
        write_parameters(config, parameters)
        arguments = ros_arguments(namespace, parameters)
        load(config)
        with (folder / "log.txt").open("ab") as log, signals_held():
            self._running = {
                ", ".join(p.nodes): FORK.Process(target=_serve, args=(p, [*arguments, *enclave(p, namespace)], log.fileno()), daemon=True)
                for p in processes(config, nodes)
            }
            for process in self._running.values():
                process.start()

    def dead(self) -> list[str]:
        """Names of nodes whose processes have ended, those of one process together."""
        return [n for n, p in self._running.items() if not p.is_alive()]

    def end(self, concluded: bool) -> dict[str, int]:
        """Asks all to end and returns their exit statuses; what does not end in time is killed.

        After a conclusion the recorder goes first: how the others leave is no part of the examination. Otherwise the control path
        and the recorder leave once the arm has retreated and stopped.
        """
        for recorder in (True, False):
            group = {n: p for n, p in self._running.items() if (n == "recorder") is recorder or not concluded}
            for n, p in group.items():
                if p.is_alive():
                    os.kill(p.pid, signal.SIGTERM if n == "recorder" and concluded else signal.SIGINT)
            deadline = time.monotonic() + END_S
            for p in group.values():
                p.join(max(0.1, deadline - time.monotonic()))
        self.kill()
        return {n: p.exitcode for n, p in self._running.items()}

    def kill(self) -> None:
        """Ends at once what still runs."""
        for p in self._running.values():
            p.kill()
            p.join()


def load(config: CellConfig) -> None:
    """What most of a cell's nodes need, and a collector that does not look through it, so that its memory stays shared."""
    gc.disable()
    from scipy import interpolate, ndimage  # noqa: F401

    from medrobot_ros.nodes import hardware, recorder, together  # noqa: F401

    for row in TOPICS:
        check_for_type_support(message_type(row.type))
    arm = load_arm(config.arm.name, config.probe.name)
    arm.T_base_probe(arm.q_home)  # loads its kernels
    gc.freeze()
    gc.enable()


@contextmanager
def signals_held() -> Iterator[None]:
    """A process that has just been forked takes no signal before it can (`run_node` lets them in)."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(process: ProcessDescription, arguments: list[str], log: int) -> None:
    os.setsid()
    for standard in (1, 2):
        os.dup2(log, standard)
    sys.exit(run_node(process.executable, arguments))
