"""From a twist to the joint velocities that follow it: past what is near, within every point's speed limit, able to stop."""

import numpy as np
from numba import njit

from medrobot_ros.arms.bodies import Bodies, extents, place
from medrobot_ros.arms.chain import jacobian, to_tip
from medrobot_ros.arms.collision import CollisionModel, rows_near
from medrobot_ros.arms.differential_ik import DifferentialIk
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.null_space import slide
from medrobot_ros.arms.speed import SpeedLimits, share_of
from medrobot_ros.arms.stopping import next_bounds
from medrobot_ros.arms.sweep import stop_is_free
from medrobot_ros.arms.twist_following import follow
from medrobot_ros.signals import Array

Faults = list[tuple[str, str]]


class TwistMotion:
    """Steps of `period_s` [s]. Joint arrays have shape (n,)."""

    def __init__(self, model: ArmModel, period_s: float, cell: CollisionModel, limits: SpeedLimits | None) -> None:
        self._differential, self._cell, self._limits = DifferentialIk(model, period_s), cell, limits
        self._margins = cell.margins_in_contact
        bounds, (_, tip) = self._differential.bounds, self._differential.chain
        speeds = limits.zone_and_limits if limits else (np.zeros((2, 3)), np.inf, np.inf)
        bodies = tuple(cell.bodies)  # a plain tuple costs a call a third of a named one
        self._constants = bodies, tip, self._differential.posture, bounds.limits, bounds.stop, period_s, *speeds
        q, still = model.q_home.copy(), np.zeros(model.n)  # compiled or loaded now, not in a tick
        self._step_where_nothing_binds(q, still, still, np.zeros(6))
        self._step_within_bounds(q, still, still, np.zeros(6))
        self.braked(q, still, still)

    def start(self, q: Array) -> None:
        """Contact begins at `q`: what is too near already may leave, and the probe's tip may touch the patient."""
        self._margins = self._cell.eased(q, self._cell.margins_in_contact)

    def step(self, q: Array, qd: Array, qdd: Array, V_base_probe_in_probe: Array) -> tuple[Array, Faults]:
        """Joint velocity (n,) [rad/s] of the next step after the commanded state, and what kept it from the twist (6,)."""
        qd_next, followed = self._step_where_nothing_binds(q, qd, qdd, V_base_probe_in_probe)
        return (qd_next, []) if followed else self._step_within_bounds(q, qd, qdd, V_base_probe_in_probe)

    def _step_where_nothing_binds(self, q: Array, qd: Array, qdd: Array, V: Array) -> tuple[Array, bool]:
        return _step(q, qd, qdd, V, self._margins, *self._constants)  # type: ignore[no-any-return]

    def _step_within_bounds(self, q: Array, qd: Array, qdd: Array, V_base_probe_in_probe: Array) -> tuple[Array, Faults]:
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


@njit(cache=True)
def _step(  # type: ignore[no-untyped-def]
    q, qd, qdd, V, margins, arrays, tip, posture, limits, stop, period, zone, near_m_per_s, free_m_per_s
):
    """Nearly every step, in one pass: velocity (n,), and whether it follows the twist and breaks nothing. The same as the long way."""
    bodies = Bodies(*arrays)
    at_a, at_b, z, o, R, p = place(bodies, q)
    low, high = extents(bodies, at_a, at_b)
    G, g, gaps = rows_near(bodies, at_a, at_b, z, o, low, high, margins, stop[0], period)
    reference, along, pace, _ = follow(q, V, jacobian(z, o, to_tip(R, p, tip)), (bodies.joints, tip), posture)
    least, most = next_bounds(q, qd, qdd, limits, period)
    qd_next, found = slide(reference, along, least, most, G, g)
    excess = share_of(bodies, at_a, at_b, z, o, low, high, qd_next, zone, near_m_per_s, free_m_per_s, 0.0)
    if not found or pace < 1.0 or excess > 1.0:
        return qd_next, False
    return qd_next, stop_is_free(bodies, gaps, q, qd, qdd, qd_next, stop, period, margins)
