"""One axis of the cell: a probe that follows speed commands late and with a lag, on tissue that breathes, felt through a noisy sensor
that tells the mean of a period.

The same tissue, latency and lag as the twin's; spot checks against the whole cell are in `full.py`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from math import exp, pi, sin

import numpy as np

from medrobot_ros.config import TissueSection
from medrobot_ros.signals import Array
from medrobot_ros.twin.tissue import Tissue

STEP_S = 0.0005
TANGENT = 0.07  # of the angle between beam and skin normal (4 deg), through which friction shows along the beam
TURN_EVERY_S = 3.0  # a raster's tangential speed changes sign


@dataclass(frozen=True)
class Beam:
    """What the law meets. `latency_s` is one way; the rest as in `twin` and `hardware` of the configuration."""

    stiffness_n_per_m: float = 800.0
    hardening: float = 0.3
    damping_s: float = 0.02
    friction: float = 0.1
    breathing_m: float = 0.005
    breaths_hz: float = 0.25
    pulse_m: float = 0.0
    pulses_hz: float = 1.1
    latency_s: float = 0.001
    lag_s: float = 0.005
    rate_hz: float = 500.0
    noise_n: float = 0.05
    encoder_noise_m: float = 1e-6  # of the probe's place: 2 urad at half a metre
    reference_n: float = 5.0
    turns_at_s: float = 0.0  # when the tissue turns into another at the same force; 0 never
    then_n_per_m: float = 800.0

    @property
    def period_s(self) -> float:
        """One control period."""
        return 1.0 / self.rate_hz

    @property
    def loop_delay_s(self) -> float:
        """From command to measured motion, as `cell` tells contact."""
        return self.lag_s + 2.0 * self.latency_s

    def tissue(self, stiffness_n_per_m: float) -> Tissue:
        """The twin's tissue."""
        return Tissue.from_config(TissueSection(stiffness_n_per_m, self.hardening, self.damping_s, self.friction))


@dataclass(frozen=True)
class Trace:
    """A run at the control rate: time [s], true push along the beam, the mean of a period [N], commanded speed [m/s]; (n,) each."""

    time_s: Array
    force_n: Array
    speed_m_per_s: Array


Push = Callable[[float], float]  # a force [N] over time [s]
Step = Callable[[float, float, float], float]  # reference [N], raw push [N] and measured speed [m/s], means of a period; answers a speed


def simulate(beam: Beam, law: Step, seconds: float, seed: int = 0, excite: Push = lambda t: 0.0) -> Trace:
    """Runs a law from rest at the reference force, to which `excite` is added."""
    rng = np.random.default_rng(seed)
    steps, count = max(1, round(beam.period_s / STEP_S)), round(seconds * beam.rate_hz)
    dt = beam.period_s / steps
    arm, skin = _Arm(beam, dt), _Skin(beam, rng.uniform(0.0, 2.0 * pi))
    noise = beam.noise_n * rng.standard_normal(count)
    read_m = beam.encoder_noise_m * rng.standard_normal(count)
    held = steps + round(beam.latency_s / dt)
    pushes, places = deque([beam.reference_n] * held, maxlen=held), deque([0.0] * (held + 1), maxlen=held + 1)
    out = np.empty((3, count))
    for k in range(count):
        t = k * beam.period_s
        moved_m = places[steps] - places[0] + read_m[k] - read_m[k - 1]
        v = law(beam.reference_n + excite(t), sum(islice(pushes, steps)) / steps + noise[k], moved_m / beam.period_s)
        arm.command(v)
        felt = 0.0
        for i in range(steps):
            places.append(arm.advance())
            pushes.append(skin.push(t + i * dt, places[-1], dt))
            felt += pushes[-1] / steps
        out[:, k] = t, felt, v
    return Trace(*out)


class _Arm:
    """Integrates speeds into a setpoint that takes effect one latency later, and follows it with a first-order lag."""

    def __init__(self, beam: Beam, dt: float) -> None:
        self._share = 1.0 if beam.lag_s == 0.0 else 1.0 - exp(-dt / beam.lag_s)
        held = 1 + round(beam.latency_s / dt)
        self._underway: deque[float] = deque([0.0] * held, maxlen=held)
        self._period_s, self._setpoint_m, self._m = beam.period_s, 0.0, 0.0

    def command(self, v: float) -> None:
        self._setpoint_m += v * self._period_s

    def advance(self) -> float:
        self._underway.append(self._setpoint_m)
        self._m += self._share * (self._underway[0] - self._m)
        return self._m


class _Skin:
    """The tissue under the probe, which lay at the reference force at the start."""

    def __init__(self, beam: Beam, phase: float) -> None:
        self._beam, self._phase = beam, phase
        self._tissue = beam.tissue(beam.stiffness_n_per_m)
        self._zero_m = self._rest_m(self._tissue) - self._moved_m(0.0)
        self._turned = False
        self._last_m = self._rest_m(self._tissue)

    def _rest_m(self, tissue: Tissue) -> float:
        """Indentation at which it pushes with the reference force."""
        return float(np.interp(self._beam.reference_n, [tissue.force(d, 0.0) for d in _DEPTHS_M], _DEPTHS_M))

    def _moved_m(self, t: float) -> float:
        b = self._beam
        return b.breathing_m * sin(2.0 * pi * b.breaths_hz * t + self._phase) + b.pulse_m * sin(2.0 * pi * b.pulses_hz * t)

    def push(self, t: float, probe_m: float, dt: float) -> float:
        b = self._beam
        if b.turns_at_s and not self._turned and t >= b.turns_at_s:
            self._turn(t, probe_m)
        depth = self._zero_m + probe_m + self._moved_m(t)
        force = self._tissue.force(depth, (depth - self._last_m) / dt)
        self._last_m = depth
        along = 1.0 if (t // TURN_EVERY_S) % 2 else -1.0
        return force * (1.0 + along * b.friction * TANGENT)

    def _turn(self, t: float, probe_m: float) -> None:
        """Another tissue, at the same force."""
        self._turned = True
        force = self._tissue.force(self._last_m, 0.0)
        self._tissue = self._beam.tissue(self._beam.then_n_per_m)
        depth = float(np.interp(force, [self._tissue.force(d, 0.0) for d in _DEPTHS_M], _DEPTHS_M))
        self._zero_m += depth - self._last_m
        self._last_m = depth


_DEPTHS_M = np.linspace(0.0, 0.06, 2401)
