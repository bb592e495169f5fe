"""The skin's own motion, learned while the probe follows it: breathing and its harmonic, and the pulse, as sinusoids.

Every fit of the last seconds is made anew, by least squares on a uniform window, so that nothing has to converge: the two frequencies
that leave the least residual on a grid, sharpened together by a Gauss-Newton step, then all amplitudes and phases at once. A sample that
departs from what the last fit foretold ends what was learned. The first windows are shorter: too short to tell how long a breath is, but
not how fast the skin moves now. In the briefest a breath is a polynomial, no steeper or more curved than breaths are.
"""

from collections import deque
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np

from medrobot_ros.signals import Array

SAMPLE_HZ = 20.0
WINDOW_S = 6.0  # chosen: 1.5 breaths at rest (0.25 Hz), so that two breaths are enough to learn
FIRST_WINDOWS_S = (4.5, 3.5, 2.5)  # chosen: the shortest holds two to three pulses
BRIEF_WINDOWS_S = (2.0, 1.5, 1.25, 1.0, 0.75)  # chosen: too short for two frequencies; the shortest holds most of a pulse
BREATHS_HZ = np.linspace(0.1, 0.6, 26)  # 6 to 36 a minute
PULSES_HZ = np.linspace(0.7, 2.2, 31)  # 42 to 132 a minute
FIT_EVERY, FULL_FIT_EVERY = 2, 4  # samples, the latter where the window is full
BREATHS_POWERS = (1.0, 0.02, 0.01, 0.008, 0.008)  # chosen: size [m / s^k] that is expected of a breath's power series
PULSE_M, NOISE_M = 1e-3, 5e-5  # chosen: size that is expected of the pulse, and of what is left of a sample
SHARPENINGS = 2
RIDGE = 1e-6  # a sample: two equal frequencies share what they explain
UNEXPLAINED_M, UNEXPLAINED_SHARE = 2e-4, 0.25  # residual (rms) up to which a fit is believed: of itself, or of the motion
DEPARTED_M, DEPARTED_RESIDUALS = 1.5e-3, 6.0  # a sample this far from the foretold one is another motion
FIRST_DEPARTED_M = 5e-4  # the same for a short window's fit, which then is no longer believed


def _waves(frequencies_hz: tuple[float, ...], time_s: Array) -> Array:
    """Sine and cosine of each frequency, (2 k, n)."""
    angles = 2.0 * pi * np.outer(frequencies_hz, time_s)
    return np.concatenate((np.sin(angles), np.cos(angles)))


def _orthonormal(rows: Array) -> Array:
    return np.linalg.qr(rows.T)[0].T


class _Window:
    """What a fit of `seconds` is made from. A short one knows no drift, which a part of a slow breath looks like."""

    def __init__(self, seconds: float) -> None:
        self.count = round(seconds * SAMPLE_HZ)
        self.time_s = (np.arange(self.count) - (self.count - 1)) / SAMPLE_HZ  # the last sample is at 0
        self.drift = np.stack((np.ones(self.count), self.time_s if seconds >= WINDOW_S else np.zeros(self.count)))
        still = self.drift if seconds >= WINDOW_S else self.drift[:1]
        self.breath_bases = np.stack([_orthonormal(np.concatenate((still, _waves((f,), self.time_s)))) for f in BREATHS_HZ])
        self.pulse_bases = np.stack([_orthonormal(_waves((f,), self.time_s)) for f in PULSES_HZ])

    def rows(self, breaths_hz: float, *pulses_hz: float) -> Array:
        """Offset, drift, breathing with its harmonic, and the pulse, (k, n)."""
        return np.concatenate((self.drift, _waves((breaths_hz, 2.0 * breaths_hz, *pulses_hz), self.time_s)))


class _BriefWindow:
    """What a fit of so few seconds is made from that a breath in it is a polynomial. One solution for each pulse is prepared."""

    def __init__(self, seconds: float) -> None:
        self.count = round(seconds * SAMPLE_HZ)
        time_s = (np.arange(self.count) - (self.count - 1)) / SAMPLE_HZ
        powers = time_s ** np.arange(len(BREATHS_POWERS))[:, None]
        self.rows = np.stack([np.concatenate((powers, _waves((f,), time_s))) for f in PULSES_HZ])
        self.weights = (NOISE_M / np.array((*BREATHS_POWERS, PULSE_M, PULSE_M))) ** 2
        self.solutions = np.linalg.solve(self.rows @ self.rows.transpose(0, 2, 1) + np.diag(self.weights), self.rows)


_WINDOWS = tuple(_Window(seconds) for seconds in (WINDOW_S, *FIRST_WINDOWS_S))
_BRIEF_WINDOWS = tuple(_BriefWindow(seconds) for seconds in BRIEF_WINDOWS_S)


@dataclass(frozen=True)
class BriefMotion:
    """A polynomial and a pulse. `coefficients` (7,): [m / s^k] of each power of time, [m] of the pulse's sine and cosine."""

    pulses_hz: float
    coefficients: Array
    residual_m: float

    def position_m(self, time_s: float) -> float:
        """Foretold skin position `time_s` after the window's last sample."""
        c, w = self.coefficients.tolist(), 2.0 * pi * self.pulses_hz
        powers = sum(c[k] * time_s**k for k in range(len(c) - 2))
        return float(powers + c[-2] * sin(w * time_s) + c[-1] * cos(w * time_s))

    def speed_m_per_s(self, time_s: float) -> float:
        """Foretold speed."""
        c, w = self.coefficients.tolist(), 2.0 * pi * self.pulses_hz
        powers = sum(k * c[k] * time_s ** (k - 1) for k in range(1, len(c) - 2))
        return float(powers + w * (c[-2] * cos(w * time_s) - c[-1] * sin(w * time_s)))


@dataclass(frozen=True)
class SkinMotion:
    """Sinusoids about a drift. `coefficients` (8,) [m]: offset, drift a second, sines of the frequencies, their cosines."""

    breaths_hz: float
    pulses_hz: float
    coefficients: Array
    residual_m: float

    @property
    def frequencies_hz(self) -> tuple[float, ...]:
        """Breathing, its harmonic, the pulse."""
        return self.breaths_hz, 2.0 * self.breaths_hz, self.pulses_hz

    @property
    def breathing_m(self) -> float:
        """Amplitude of the breathing's fundamental."""
        return float(np.hypot(self.coefficients[2], self.coefficients[5]))

    def position_m(self, time_s: float) -> float:
        """Foretold skin position `time_s` after the window's last sample."""
        wave = _waves(self.frequencies_hz, np.array([time_s]))[:, 0]
        return float(self.coefficients[0] + self.coefficients[1] * time_s + self.coefficients[2:] @ wave)

    def speed_m_per_s(self, time_s: float) -> float:
        """Foretold speed of the periodic part; the drift is left to feedback."""
        c, out = self.coefficients.tolist(), 0.0
        for k, f in enumerate(self.frequencies_hz):  # in plain floats: asked for every period
            w = 2.0 * pi * f
            out += w * (c[2 + k] * cos(w * time_s) - c[5 + k] * sin(w * time_s))
        return out


def fit(positions_m: Array) -> SkinMotion | BriefMotion | None:
    """The motion in the last of the samples at `SAMPLE_HZ`, oldest first, (n,) [m]; None where they are too few."""
    window = next((w for w in _WINDOWS if w.count <= len(positions_m)), None)
    if window is None:
        return _brief_fit(positions_m)
    y = positions_m[-window.count :]
    breaths_hz = BREATHS_HZ[_best(window.breath_bases, y)]
    breathing = window.rows(breaths_hz)
    rest = y - _solved(breathing, y) @ breathing
    pulses_hz = PULSES_HZ[_best(window.pulse_bases, rest)]
    for _ in range(SHARPENINGS):
        breaths_hz, pulses_hz = _sharpened(window, breaths_hz, pulses_hz, y)
    rows = window.rows(breaths_hz, pulses_hz)
    coefficients = _solved(rows, y)
    residual = y - coefficients @ rows
    return SkinMotion(breaths_hz, pulses_hz, coefficients, float(np.sqrt(residual @ residual / len(y))))


def _brief_fit(positions_m: Array) -> BriefMotion | None:
    """The same from the briefest windows: the pulse with which the least is left, and the least that is not expected."""
    window = next((w for w in _BRIEF_WINDOWS if w.count <= len(positions_m)), None)
    if window is None:
        return None
    y = positions_m[-window.count :]
    coefficients = window.solutions @ y
    left2 = np.square(y - np.einsum("fk,fkn->fn", coefficients, window.rows)).sum(axis=1)
    best = int(np.argmin(left2 + np.square(coefficients) @ window.weights))
    return BriefMotion(float(PULSES_HZ[best]), coefficients[best], float(np.sqrt(left2[best] / len(y))))


def _best(bases: Array, y: Array) -> int:
    """Index of the orthonormal basis that explains most."""
    return int(np.argmax(np.square(bases @ y).sum(axis=1)))


def _solved(rows: Array, y: Array) -> Array:
    """Least squares of y (n,) by rows (k, n)."""
    normal: Array = rows @ rows.T + RIDGE * len(y) * np.eye(len(rows))
    return np.asarray(np.linalg.solve(normal, rows @ y), dtype=float)


def _sharpened(window: _Window, breaths_hz: float, pulses_hz: float, y: Array) -> tuple[float, float]:
    """Both frequencies [Hz] after a Gauss-Newton step, kept on the grid's span and to a grid step."""
    rows = window.rows(breaths_hz, pulses_hz)
    c = _solved(rows, y)
    turning = 2.0 * pi * window.time_s  # d angle / d f
    slopes = np.stack([turning * (c[2 + k] * rows[5 + k] - c[5 + k] * rows[2 + k]) for k in (0, 2)])
    slopes[0] += 2.0 * turning * (c[3] * rows[6] - c[6] * rows[3])
    step = _solved(np.concatenate((rows, slopes)), y)[-2:]
    return _stepped(breaths_hz, step[0], BREATHS_HZ), _stepped(pulses_hz, step[1], PULSES_HZ)


def _stepped(f: float, step: float, grid: Array) -> float:
    width = float(grid[1] - grid[0])
    return min(max(f + min(max(float(step), -width), width), float(grid[0])), float(grid[-1]))


class Breathing:
    """`add` the skin's position once a period and `learn` now and then; `speed_m_per_s` then foretells its speed."""

    def __init__(self, period_s: float) -> None:
        self._per_sample = max(1, round(1.0 / (SAMPLE_HZ * period_s)))
        self._period_s = period_s
        self.forget()

    def forget(self) -> None:
        """Begins anew, as after a loss of contact."""
        self._window: deque[float] = deque(maxlen=_WINDOWS[0].count)
        self._sum_m, self._summed, self._since_fit = 0.0, 0, 0
        self._age_s = 0.0  # since the middle of the newest sample that was fitted
        self._mean_m = 0.0  # of the window that was fitted
        self.motion: SkinMotion | BriefMotion | None = None

    def add(self, position_m: float) -> bool:
        """One period's position [m] on any axis that stays; True when it departs so far that what was learned is forgotten."""
        self._age_s += self._period_s
        self._sum_m += position_m
        self._summed += 1
        if self._summed < self._per_sample:
            return False
        sample_m, self._sum_m, self._summed = self._sum_m / self._summed, 0.0, 0
        if self._departs(sample_m):
            if self._full:
                self.forget()
                return True
            self.motion = None  # a short window foretold badly, which is no reason to begin anew
        self._window.append(sample_m)
        self._since_fit += 1
        return False

    @property
    def _full(self) -> bool:
        return len(self._window) == self._window.maxlen

    @property
    def _half_sample_s(self) -> float:
        return 0.5 * (self._per_sample - 1) * self._period_s

    def _departs(self, sample_m: float) -> bool:
        if self.motion is None:
            return False
        foretold_m = self._mean_m + self.motion.position_m(self._age_s - self._half_sample_s)
        least_m = DEPARTED_M if self._full else FIRST_DEPARTED_M
        return abs(sample_m - foretold_m) > max(least_m, DEPARTED_RESIDUALS * self.motion.residual_m)

    def learn(self) -> None:
        """Fits the window when that is due: half a millisecond of work, for a moment when nobody waits."""
        if len(self._window) < _BRIEF_WINDOWS[-1].count or self._since_fit < (FULL_FIT_EVERY if self._full else FIT_EVERY):
            return
        y = np.array(self._window)
        self._mean_m, self._age_s, self._since_fit = float(y.mean()), self._half_sample_s + self._summed * self._period_s, 0
        motion = fit(y - self._mean_m)
        spread_m = float(y.std())
        self.motion = motion if motion and motion.residual_m < max(UNEXPLAINED_M, UNEXPLAINED_SHARE * spread_m) else None

    def speed_m_per_s(self, ahead_s: float) -> float:
        """Speed [m/s] foretold for `ahead_s` from now; 0 until learned."""
        return 0.0 if self.motion is None else self.motion.speed_m_per_s(self._age_s + ahead_s)
