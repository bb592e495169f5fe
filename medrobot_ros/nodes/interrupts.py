"""Ctrl-C and SIGTERM of a command that runs a cell: counted instead of raised, so that nothing is cut off half way."""

import signal
from typing import Any

from medrobot_ros.nodes.entry import ENDING


class Interrupts:
    """Counts them within a `with` block."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> "Interrupts":
        self._before = {number: signal.signal(number, self._add) for number in ENDING}
        return self

    def _add(self, *_: Any) -> None:
        self.count += 1

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
