"""From a twist to the joint velocities that follow it: past what is near, within every point's speed limit, able to stop."""

import numpy as np

from medrobot_ros.arms.collision import CollisionModel
from medrobot_ros.arms.differential_ik import DifferentialIk
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.speed import SpeedLimits
from medrobot_ros.signals import Array

Faults = list[tuple[str, str]]


class TwistMotion:
    """Steps of `period_s` [s]. Joint arrays have shape (n,)."""

    def __init__(self, model: ArmModel, period_s: float, cell: CollisionModel, limits: SpeedLimits | None) -> None:
        self._differential, self._cell, self._limits = DifferentialIk(model, period_s), cell, limits
        self._margins = cell.margins_in_contact
        still = np.zeros(model.n)
        self.braked(model.q_home.copy(), still, still)  # compiled or loaded now, not in a tick

    def start(self, q: Array) -> None:
        """Contact begins at `q`: what is too near already may leave, and the probe's tip may touch the patient."""
        self._margins = self._cell.eased(q, self._cell.margins_in_contact)

    def step(self, q: Array, qd: Array, qdd: Array, V_base_probe_in_probe: Array) -> tuple[Array, Faults]:
        """Joint velocity (n,) [rad/s] of the next step after the commanded state, and what kept it from the twist (6,)."""
        near, faults = self._cell.near(q, self._margins), Faults()
        qd_next, slowing = self._differential.step(q, qd, qdd, V_base_probe_in_probe, near.rows)
        if slowing.pace < 1.0:
            faults.append(("near_singularity", f"condition {slowing.condition:.0f}, pace {slowing.pace:.2f}"))
        excess = self._limits.share(q, qd_next) if self._limits else 0.0
        if excess > 1.0:
            faults.append(("slowed_arm", f"a point of the arm at {excess:.2f} of its speed limit"))
            qd_next, _ = self._differential.step(q, qd, qdd, V_base_probe_in_probe / excess, near.rows)
            if self._limits and self._limits.share(q, qd_next) > 1.0:
                qd_next = self.braked(q, qd, qdd)
        if not self._cell.stop_is_free(near, q, qd, qdd, qd_next, self._margins):
            faults.append(("collision_ahead", f"{self._cell.names(int(np.argmin(near.gaps)))} come too near"))
            qd_next = self.braked(q, qd, qdd)
        return qd_next, faults

    def braked(self, q: Array, qd: Array, qdd: Array) -> Array:
        """Joint velocity of the next step of the hardest stop, which is the one that was found to be free."""
        return self._differential.braked(q, qd, qdd)
