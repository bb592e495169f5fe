"""The force along the beam over an examination, true and as measured, with what was asked for and when it counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.recording.reader import Run, Series, Stamps
from medrobot_ros.signals import Array, ContactStatus

Mask = NDArray[np.bool_]

TOUCHING = ("seat", "scan", "lost", "over_force")  # contact states between touch and retreat


@dataclass(frozen=True)
class Force:
    """Force along the beam [N], positive when pressed, with its reference and the contact states it fell in."""

    stamps_ns: Stamps
    force_n: Array
    reference_n: Array
    scanning: Mask  # contact state `scan`
    engaged: Mask  # mode `scan`, from touch to retreat

    @property
    def error_n(self) -> Array:
        """Force minus reference while scanning."""
        error: Array = (self.force_n - self.reference_n)[self.scanning]
        return error


def true_force(run: Run) -> Force:
    """The twin's own contact force; without samples where there is no twin."""
    return _force(run, run.vectors("twin/contact_wrench"))


def measured_force(run: Run) -> Force:
    """The force that the controller saw."""
    return _force(run, run.vectors("contact/wrench"))


def _force(run: Run, wrenches: Series) -> Force:
    states: list[ContactStatus] = run.signals("contact/state")
    k = run.signals_before("contact/state", wrenches.stamps_ns)
    scanning = np.array([False] + [s.state == "scan" for s in states])
    engaged = engaged_in(states)
    pressed_n = np.array([0.0] + [s.press_n for s in states])
    reference_n = _reference_n(run, wrenches.stamps_ns) + pressed_n[k + 1]
    return Force(wrenches.stamps_ns, -wrenches.values[:, 2], reference_n, scanning[k + 1], engaged[k + 1])


def engaged_in(states: list[ContactStatus]) -> Mask:
    """Whether contact scans or looks for lost skin in each state, after one for what came before the first."""
    return np.array([False] + [s.mode == "scan" and s.state in TOUCHING for s in states])


def _reference_n(run: Run, stamps_ns: Stamps) -> Array:
    """The force that was asked for at each stamp."""
    references = run.vectors("scan/force_reference")
    values = np.concatenate(([run.config.contact.force_n], -references.values[:, 2]))
    return values[references.before(stamps_ns) + 1]
