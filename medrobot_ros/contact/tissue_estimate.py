"""How stiff and how viscous the tissue is, felt all the time from how force answers motion faster than breathing.

Force and measured travel go through the same band-pass, and F = K z + B dz/dt is fitted to both by least squares that forgets. Both are
measured at once, so that no delay has to be known. A small dither keeps them moving; a loop that starts to ring is excitation a hundred
times as strong and corrects the estimate within a swing or two. What breathing does lies below the band.
"""

from math import cos, exp, hypot, pi, tan

BAND_HZ = 6.0  # below it the skin moves by itself, its pulse included; above, the force filter ends the band
MEMORY_S = 0.8
DITHER_HZ = 8.0
SEATING_N, SCANNING_N = 0.15, 0.04  # amplitude of the force that the dither makes
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
        self._sections = [_second_order(w, 2.0 * cos(angle)) for angle in (pi / 8.0, 3.0 * pi / 8.0)]
        self.reset()

    def reset(self) -> None:
        """At rest at 0."""
        self._state = [(0.0, 0.0) for _ in self._sections]

    def update(self, x: float) -> float:
        """The passed part of one sample."""
        for k, (b0, b1, b2, a1, a2) in enumerate(self._sections):
            s1, s2 = self._state[k]
            y = b0 * x + s1
            self._state[k] = b1 * x - a1 * y + s2, b2 * x - a2 * y
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
        self._share = 1.0 - exp(-2.0 * pi * filter_hz * period_s)
        self._forget = exp(-period_s / MEMORY_S)
        self._force, self._travel = HighPass(BAND_HZ, period_s), HighPass(BAND_HZ, period_s)
        self.restart()

    def restart(self) -> None:
        """Back to the prior, as on another tissue."""
        self.n_per_m, self.viscous_s = self._prior_n_per_m, 0.0
        self._time_s = 0.0
        self.rest()
        swing = PRIOR_SWING_M * PRIOR_SWING_M
        self._zz, self._zv, self._vv = swing, 0.0, swing * (2.0 * pi * DITHER_HZ) ** 2
        self._zf, self._vf = swing * self.n_per_m, 0.0

    def rest(self) -> None:
        """Keeps what is known; the signals begin anew, as after a lift."""
        self._force.reset()
        self._travel.reset()
        self._moved_m = self._filtered_m = self._z = 0.0
        self._rest_n: float | None = None

    def dither(self, seating: bool) -> float:
        """Speed to add along the beam [m/s]: a larger one while nothing is being imaged."""
        self._time_s += self._period_s
        w = 2.0 * pi * DITHER_HZ
        felt_n_per_m = self.n_per_m * hypot(1.0, w * self.viscous_s)
        amplitude_m = min((SEATING_N if seating else SCANNING_N) / felt_n_per_m, LARGEST_DITHER_M)
        return amplitude_m * w * cos(w * self._time_s)

    def update(self, force_n: float, moved_m_per_s: float) -> None:
        """One sample: the filtered push [N], and the mean speed along the beam since the last, of which the force is the mean as well."""
        step_m = moved_m_per_s * self._period_s
        self._moved_m += step_m
        self._filtered_m += self._share * (self._moved_m - 0.5 * step_m - self._filtered_m)
        if self._rest_n is None:
            self._rest_n = force_n
        z, f = self._travel.update(self._filtered_m), self._force.update(force_n - self._rest_n)
        v = (z - self._z) / self._period_s
        self._z = z
        self._learn(z, v, f)

    def _learn(self, z: float, v: float, f: float) -> None:
        k = self._forget
        self._zz, self._zv, self._vv = k * self._zz + z * z, k * self._zv + z * v, k * self._vv + v * v
        self._zf, self._vf = k * self._zf + z * f, k * self._vf + v * f
        determinant = self._zz * self._vv - self._zv * self._zv
        if determinant <= 1e-6 * self._zz * self._vv:
            return
        stiffness = (self._zf * self._vv - self._vf * self._zv) / determinant
        viscosity = (self._vf * self._zz - self._zf * self._zv) / determinant
        if stiffness <= 0.0:  # not told apart from viscosity, or no tissue that answers: what is safe on any
            stiffness = self._prior_n_per_m
        self.n_per_m = min(max(stiffness, LOW_N_PER_M, viscosity / LONGEST_VISCOUS_S), HIGH_N_PER_M)
        self.viscous_s = min(max(viscosity / self.n_per_m, 0.0), LONGEST_VISCOUS_S)
