"""One live line: phase, coverage, force, image quality, time left."""

import sys
from typing import TextIO

from medrobot_ros.signals import ContactStatus, ImageQuality, TaskStatus

PERIOD_S = 0.2
BAR = 20


class Progress:
    """Rewrites its line on a terminal; elsewhere prints one line a phase. `show` takes the time that has passed [s]."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._live = self._out.isatty()
        self._shown_s = -PERIOD_S
        self._phase = ""

    def show(self, time_s: float, task: TaskStatus, contact: ContactStatus | None, quality: ImageQuality | None) -> None:
        """Shows the state of the examination."""
        phase_began = task.phase != self._phase
        if not phase_began and (not self._live or time_s - self._shown_s < PERIOD_S):
            return
        self._shown_s, self._phase = time_s, task.phase
        text = line(time_s, task, contact, quality)
        self._out.write(f"\r\x1b[K{text}" if self._live else text + "\n")
        self._out.flush()

    def end(self) -> None:
        """Leaves the line standing."""
        if self._live:
            self._out.write("\n")
            self._out.flush()


def line(time_s: float, task: TaskStatus, contact: ContactStatus | None, quality: ImageQuality | None) -> str:
    """The line's text."""
    filled = round(BAR * task.coverage)
    force = f"{contact.force_n:5.2f} N" if contact is not None and contact.force_n is not None else "   -   "
    seen = f"{quality.visibility:4.2f}" if quality is not None else "  - "
    left = f"{task.time_left_s:3.0f} s left" if task.time_left_s is not None else ""
    bar = "#" * filled + "." * (BAR - filled)
    return f"{time_s:6.1f} s  {task.phase or task.mode:9} [{bar}] {100 * task.coverage:5.1f} %  {force}  image {seen}  {left}".rstrip()
