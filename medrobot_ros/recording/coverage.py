"""Which of the planned skin points were covered by accepted images, with the patient's own motion taken out."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.geometry.coverage import covered
from medrobot_ros.geometry.pose import inverse
from medrobot_ros.recording.reader import Run, Series
from medrobot_ros.signals import Array, PlannedSkin


def planned_skin(run: Run) -> PlannedSkin | None:
    """The last plan, as it was first published."""
    plans: list[PlannedSkin] = run.signals("scan/markers")
    return next((p for p in plans if len(p.points) and np.array_equal(p.points, plans[-1].points)), None)


def carried(run: Run, plan: PlannedSkin) -> Callable[[int, Array], Array]:
    """Poses in base at a stamp as they lie when they go along with the patient to where the plan was made."""
    patient = _Patient(run)
    T_base_patient = patient.at(plan.stamp_ns)
    return lambda stamp_ns, T_base_probe: T_base_patient @ inverse(patient.at(stamp_ns)) @ T_base_probe


def covered_points(run: Run) -> tuple[Array, NDArray[np.bool_]]:
    """Planned points (N, 3) in base and whether each was covered by images carried along with the patient, so that a shift counts."""
    plan = planned_skin(run)
    if plan is None:
        return np.empty((0, 3)), np.empty(0, dtype=bool)
    probe, force, along = _probe_poses(run), _ContactForce(run), carried(run, plan)
    done = np.zeros(len(plan.points), dtype=bool)
    for quality in run.qualities.values():
        if quality.accepted and len(probe) and force.at(quality.stamp_ns) > run.config.contact.lost_n:
            done |= covered(along(quality.stamp_ns, probe.pose_at(quality.stamp_ns)), quality.coupled_m, plan.points)
    return plan.points, done


def _probe_poses(run: Run) -> Series:
    true = run.poses("twin/probe_pose")
    return true if len(true) else run.poses("probe/pose")


class _ContactForce:
    """The force along the beam at a stamp: true where it was recorded, else measured."""

    def __init__(self, run: Run) -> None:
        true = run.vectors("twin/contact_wrench")
        self._wrench = true if len(true) else run.vectors("contact/wrench")

    def at(self, stamp_ns: int) -> float:
        k = int(self._wrench.before(np.array([stamp_ns]))[0])
        return -float(self._wrench.values[k, 2]) if k >= 0 else 0.0


class _Patient:
    """Where the patient lay at a stamp; at the base's origin where nobody knows."""

    def __init__(self, run: Run) -> None:
        self._values = run.positions("twin/patient")

    def at(self, stamp_ns: int) -> Array:
        if not len(self._values):
            return np.eye(4)
        k = max(0, int(self._values.before(np.array([stamp_ns]))[0]))
        x, y, z, yaw = self._values.values[k, 3:7].tolist()
        c, s = float(np.cos(yaw)), float(np.sin(yaw))
        return np.array([[c, -s, 0.0, x], [s, c, 0.0, y], [0.0, 0.0, 1.0, z], [0.0, 0.0, 0.0, 1.0]])
