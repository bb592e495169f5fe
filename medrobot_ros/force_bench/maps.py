"""Maps of force error and gain margin over what a cell may meet, two settings at a time about the nominal one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from medrobot_ros.force_bench.beam import Beam, simulate
from medrobot_ros.force_bench.laws import LAWS, SEATING_S, Law
from medrobot_ros.force_bench.response import gain_margin, ringing_n
from medrobot_ros.signals import Array

SECONDS = 16.0
BREATHS = 2
STIFFNESS_N_PER_M = (300.0, 600.0, 1200.0, 2000.0)


@dataclass(frozen=True)
class Cell:
    """One law at one place of a map: rms error [N] before and after two breaths, gain margin, strongest line [N] that is no dither's."""

    law: str
    before_n: float
    after_n: float
    margin: float
    ringing_n: float
    worst_n: float


@dataclass(frozen=True)
class Map:
    """`beams` (rows, columns) with the texts of both axes."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    beams: tuple[tuple[Beam, ...], ...]


def measure(beam: Beam, seed: int = 0) -> list[Cell]:
    """Every law at one place, on the same breathing and noise."""
    return [_measured(beam, law(beam), seed) for law in LAWS]


def _measured(beam: Beam, law: Law, seed: int) -> Cell:
    trace = simulate(beam, law, SECONDS, seed)
    learned_s = BREATHS / beam.breaths_hz
    e, t = trace.force_n - beam.reference_n, trace.time_s
    return Cell(
        law.name, _rms(e[(t > SEATING_S) & (t < learned_s)]), _rms(e[t >= learned_s]), gain_margin(beam, law),
        ringing_n(trace, learned_s)[0], float(np.abs(e[t > SEATING_S]).max()),
    )  # fmt: skip


def _rms(e: Array) -> float:
    return float(np.sqrt(np.mean(e * e)))


def maps() -> Iterator[Map]:
    """Stiffness against delay, servo lag, viscosity, stiffening and control rate; breathing against friction."""
    nominal = Beam()
    for title, unit, scale, field, values in (
        ("total latency", "ms", 2e3, "latency_s", (0.001, 0.0025, 0.005, 0.01)),
        ("servo lag", "ms", 1e3, "lag_s", (0.001, 0.005, 0.01, 0.02)),
        ("tissue's viscous time", "ms", 1e3, "damping_s", (0.0, 0.02, 0.05, 0.1)),
        ("share of stiffening", "", 1.0, "hardening", (0.0, 0.3, 0.6)),
        ("control rate", "Hz", 1.0, "rate_hz", (100.0, 250.0, 500.0, 1000.0)),
    ):
        yield Map(
            f"stiffness [N/m] against {title}" + (f" [{unit}]" if unit else ""),
            tuple(f"{k:g}" for k in STIFFNESS_N_PER_M),
            tuple(f"{scale * v:g}" for v in values),
            tuple(tuple(replace(nominal, stiffness_n_per_m=k, **{field: v}) for v in values) for k in STIFFNESS_N_PER_M),
        )
    yield _breathing_against_friction(replace(nominal, stiffness_n_per_m=2000.0))


def _breathing_against_friction(stiff: Beam) -> Map:
    breaths: Sequence[tuple[str, dict[str, float]]] = (
        ("none", {"breathing_m": 0.0}),
        ("5 mm 0.25 Hz", {}),
        ("and 1 mm pulse", {"pulse_m": 0.001}),
        ("10 mm 0.33 Hz", {"breathing_m": 0.01, "breaths_hz": 1 / 3}),
    )
    friction = (0.0, 0.1, 0.3)
    return Map(
        "breathing against friction, at 2000 N/m",
        tuple(name for name, _ in breaths),
        tuple(f"{m:g}" for m in friction),
        tuple(tuple(replace(stiff, friction=m, **b) for m in friction) for _, b in breaths),
    )
