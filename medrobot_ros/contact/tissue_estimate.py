"""How stiff and how viscous the tissue is, felt all the time from how force answers motion faster than breathing.

Force and measured travel go through the same band-pass, and F = K z + B dz/dt is fitted to both by least squares that forgets. Both are
measured at once, so that no delay has to be known. A small dither keeps them moving; a loop that starts to ring is excitation a hundred
times as strong and corrects the estimate within a swing or two. What breathing does lies below the band.
"""

from math import cos, exp, hypot, pi, tan

import numpy as np
from numba import njit

from medrobot_ros.contact.wrench_estimate import low_pass_share

BAND_HZ = 6.0  # below it the skin moves by itself, its pulse included; above, the force filter ends the band
MEMORY_S = 0.8
SETTLE_S = 0.25  # until the band has forgotten how the signals began: a touch is the middle of a motion whose beginning is not known
DITHER_HZ = 8.0
SEATING_N, SCANNING_N = 0.1, 0.04  # amplitude of the force that the dither makes
LARGEST_DITHER_M = 2.5e-4
LOW_N_PER_M, HIGH_N_PER_M = 150.0, 4000.0
LONGEST_VISCOUS_S = 0.2
PRIOR_SWING_M = 4e-6  # the prior weighs as much as a swing this small


class HighPass:
    """A fourth-order Butterworth high-pass: two pairs of poles on the unit circle, warped and mapped by the bilinear transform.

    Written out, since `scipy.signal` takes longer to import than all else that contact needs.
    """

    def __init__(self, corner_hz: float, period_s: float) -> None:
        w = tan(pi * corner_hz * period_s)
        self.sections = np.array([_second_order(w, 2.0 * cos(angle)) for angle in (pi / 8.0, 3.0 * pi / 8.0)])
        self.state = np.zeros((len(self.sections), 2))

    def reset(self) -> None:
        """At rest at 0."""
        self.state[:] = 0.0

    def update(self, x: float) -> float:
        """The passed part of one sample."""
        return float(_passed(x, self.sections, self.state))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _passed(x, sections, state):  # type: ignore[no-untyped-def]
    for k in range(len(sections)):
        b0, b1, b2, a1, a2 = sections[k]
        y = b0 * x + state[k, 0]
        state[k, 0], state[k, 1] = b1 * x - a1 * y + state[k, 1], b2 * x - a2 * y
        x = y
    return x


def _second_order(w: float, damping: float) -> tuple[float, ...]:
    """(b0, b1, b2, a1, a2) of s^2 / (s^2 + damping w s + w^2) at s = (1 - 1/z) / (1 + 1/z)."""
    a0 = 1.0 + damping * w + w * w
    return 1.0 / a0, -2.0 / a0, 1.0 / a0, 2.0 * (w * w - 1.0) / a0, (1.0 - damping * w + w * w) / a0


class TissueEstimate:
    """`n_per_m` and `viscous_s` (B over K), after each `update` with one period's force and measured speed."""

    def __init__(self, prior_n_per_m: float, filter_hz: float, period_s: float) -> None:
        self._prior_n_per_m, self._period_s = prior_n_per_m, period_s
        self._share = low_pass_share(filter_hz, period_s)
        self._forget = exp(-period_s / MEMORY_S)
        self._force, self._travel = HighPass(BAND_HZ, period_s), HighPass(BAND_HZ, period_s)
        self._motion, self._sums = np.zeros(4), np.zeros(5)  # moved, as late as the force, both in the band; z z, z v, v v, z f, v f
        self.restart()
        self.update(0.0, 0.0)  # compiled or loaded now, not in a tick
        self.restart()

    def restart(self) -> None:
        """Back to the prior, as on another tissue."""
        self.n_per_m, self.viscous_s = self._prior_n_per_m, 0.0
        self._time_s = 0.0
        self.rest()
        swing = PRIOR_SWING_M * PRIOR_SWING_M
        self._sums[:] = swing, 0.0, swing * (2.0 * pi * DITHER_HZ) ** 2, swing * self.n_per_m, 0.0

    def rest(self) -> None:
        """Keeps what is known; the signals begin anew, as after a lift. Until they tell more, tissue may be as stiff as any."""
        self._force.reset()
        self._travel.reset()
        self._motion[:] = 0.0
        self._rest_n: float | None = None
        self._unsettled = round(SETTLE_S / self._period_s)
        self.n_per_m = max(self.n_per_m, self._prior_n_per_m)

    def dither(self, seating: bool) -> float:
        """Speed to add along the beam [m/s]: a larger one while nothing is being imaged."""
        self._time_s += self._period_s
        w = 2.0 * pi * DITHER_HZ
        felt_n_per_m = self.n_per_m * hypot(1.0, w * self.viscous_s)
        amplitude_m = min((SEATING_N if seating else SCANNING_N) / felt_n_per_m, LARGEST_DITHER_M)
        return amplitude_m * w * cos(w * self._time_s)

    def update(self, force_n: float, moved_m_per_s: float) -> None:
        """One sample: the filtered push [N], and the mean speed along the beam since the last, of which the force is the mean as well."""
        if self._rest_n is None:
            self._rest_n = force_n
        self._unsettled = max(0, self._unsettled - 1)
        told, stiffness, viscosity = _learn(
            force_n - self._rest_n, moved_m_per_s, self._period_s, self._share, self._forget, self._unsettled == 0,
            self._force.sections, self._force.state, self._travel.state, self._motion, self._sums,
        )  # fmt: skip
        if not told:
            return
        if stiffness <= 0.0:  # not told apart from viscosity, or no tissue that answers: what is safe on any
            stiffness = self._prior_n_per_m
        self.n_per_m = min(max(stiffness, LOW_N_PER_M, viscosity / LONGEST_VISCOUS_S), HIGH_N_PER_M)
        self.viscous_s = min(max(viscosity / self.n_per_m, 0.0), LONGEST_VISCOUS_S)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _learn(force_n, moved_m_per_s, period_s, share, forget, settled, sections, force, travel, motion, sums):  # type: ignore[no-untyped-def]
    """One sample into the filters' states and `motion` (4,), and once these have settled into `sums` (5,): whether they tell K and B, and
    these."""
    step_m = moved_m_per_s * period_s
    motion[0] += step_m
    motion[1] += share * (motion[0] - 0.5 * step_m - motion[1])
    z_end, f_end = _passed(motion[1], sections, travel), _passed(force_n, sections, force)
    z, v, f = 0.5 * (z_end + motion[2]), (z_end - motion[2]) / period_s, 0.5 * (f_end + motion[3])  # all at the middle of the period
    motion[2], motion[3] = z_end, f_end
    if not settled:
        return False, 0.0, 0.0
    sums *= forget
    sums += np.array([z * z, z * v, v * v, z * f, v * f])
    zz, zv, vv, zf, vf = sums
    determinant = zz * vv - zv * zv
    if determinant <= 1e-6 * zz * vv:
        return False, 0.0, 0.0
    return True, (zf * vv - vf * zv) / determinant, (vf * zz - zf * zv) / determinant
