"""`medrobot bench force`: prints the maps beside the baselines, the responses, and spot checks of the whole cell; draws them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from medrobot_ros.config import CellConfig
from medrobot_ros.force_bench import full
from medrobot_ros.force_bench.beam import Beam, simulate
from medrobot_ros.force_bench.laws import LAWS, Own
from medrobot_ros.force_bench.maps import Cell, Map, maps, measure
from medrobot_ros.force_bench.picture import draw
from medrobot_ros.force_bench.response import LISTEN_S, TONES_HZ, bandwidth_hz, closed_loop, measured_response, tones
from medrobot_ros.signals import Array

LEARNED_S = 8.0  # two breaths at 0.25 Hz
STILL = Beam(breathing_m=0.0, friction=0.0, damping_s=0.0)
FILTERS_HZ = (20.0, 40.0, 80.0)
RATES_HZ = (100.0, 250.0, 1000.0)
STEPS_N_PER_M = ((300.0, 2000.0), (2000.0, 300.0), (800.0, 1600.0))
SPOTS = ((300.0, 0.0), (800.0, 0.0), (2000.0, 0.0), (2000.0, 0.001))  # stiffness [N/m], pulse [m]
PICTURE = "force.png"


def report(arms: tuple[str, ...], out: Path) -> None:
    """Measures, prints and draws everything; `out` is a folder."""
    out.mkdir(parents=True, exist_ok=True)
    measured = []
    for place in maps():
        cells = [[measure(beam) for beam in line] for line in place.beams]
        _print_map(place, cells)
        measured.append((place, cells))
    print("\nsteps in stiffness, largest error from a second later on:")
    for before, then in STEPS_N_PER_M:
        print(f"  {before:.0f} to {then:.0f} N/m: {step_error_n(before, then):.2f} N")
    responses = _responses(arms)
    print("\nclosed loop, -3 dB:")
    for name, size in responses.items():
        print(f"  {name:32} {bandwidth_hz(size):5.1f} Hz, peak {20 * np.log10(size.max()):+.1f} dB")
    print("\nthe whole control path, 30 s after touch (arm, control rate Hz, stiffness N/m, pulse mm):")
    for arm, rate_hz in [(arm, CellConfig().hardware.rate_hz) for arm in arms] + [(arms[0], rate_hz) for rate_hz in RATES_HZ]:
        for stiffness, pulse_m in SPOTS:
            text = spot_text(spot(arm, stiffness, pulse_m, rate_hz=rate_hz))
            print(f"  {arm:6} {rate_hz:4.0f} {stiffness:5.0f} {1e3 * pulse_m:2.0f}: {text}")
    draw(measured, {name: size for name, size in responses.items() if name.startswith(("ideal", arms[0]))}, out / PICTURE)
    print(f"\n{out / PICTURE}")


def _print_map(place: Map, cells: list[list[list[Cell]]]) -> None:
    print(f"\n{place.title}: rms error [N] before / after two breaths, gain margin")
    for k, law in enumerate(cells[0][0]):
        ringing_n = max(c[k].ringing_n for line in cells for c in line)
        print(f"  {law.law}; strongest line above 3 Hz {ringing_n:.3f} N")
        print(f"    {'':16}" + "".join(f"{c:>20}" for c in place.columns))
        for name, line in zip(place.rows, cells, strict=True):
            print(f"    {name:16}" + "".join(f"{_cell_text(c[k]):>20}" for c in line))


def _cell_text(c: Cell) -> str:
    return f"{c.before_n:.2f} / {c.after_n:.2f}, {c.margin:.1f}"


def step_error_n(before_n_per_m: float, then_n_per_m: float, at_s: float = 10.0) -> float:
    """Largest error [N] from a second after the tissue turned into another."""
    beam = replace(Beam(before_n_per_m), turns_at_s=at_s, then_n_per_m=then_n_per_m)
    trace = simulate(beam, Own(beam), at_s + 3.0)
    return float(np.abs(trace.force_n - beam.reference_n)[trace.time_s > at_s + 1.0].max())


def _responses(arms: tuple[str, ...]) -> dict[str, Array]:
    """Closed-loop sizes on one axis that is ideal, and on each arm with each filter."""
    ideal = replace(STILL, lag_s=0.0)
    out = {f"ideal arm, {law.name}": measured_response(ideal, law(ideal)) for law in LAWS}
    return out | {f"{arm}, {hz:g} Hz filter": arm_response(arm, hz) for arm in arms for hz in FILTERS_HZ}


def _config(arm: str, stiffness: float, pulse_m: float, breathing_m: float) -> CellConfig:
    config = CellConfig()
    twin = replace(
        config.twin,
        tissue=replace(config.twin.tissue, stiffness_n_per_m=stiffness),
        pulse=replace(config.twin.pulse, amplitude_m=pulse_m),
        breathing=replace(config.twin.breathing, amplitude_m=breathing_m),
    )
    return replace(config, arm=replace(config.arm, name=arm), twin=twin)


def arm_response(arm: str, filter_hz: float = CellConfig().contact.filter_hz) -> Array:
    """Closed-loop sizes through an arm's whole control path, on tissue of 800 N/m that does not breathe."""
    config = _config(arm, 800.0, 0.0, 0.0)
    stages = full.build(replace(config, contact=replace(config.contact, filter_hz=filter_hz)), speed_m_per_s=0.0)
    update, control = stages["contact"].engagement.regulator.update, stages["contact"].engagement.regulator
    period_s, count = 1.0 / stages["hardware"].rate_hz, 0

    def excited(reference_n: float, force_n: float, moved_m_per_s: float | None, seating: bool) -> float:
        nonlocal count
        count += 1
        return float(update(reference_n + (0.0 if seating else tones(count * period_s)), force_n, moved_m_per_s, seating))

    control.update = excited
    record = full.record(stages, 4.0 + LISTEN_S)
    return closed_loop(record.time_s, record.force_n)


def spot(arm: str, stiffness: float, pulse_m: float = 0.0, seconds: float = 30.0, rate_hz: float = 0.0) -> dict[str, float]:
    """Figures of the whole control path: rms errors [N] of the means of control periods and of every millisecond, first peak over the
    reference, contact kept, mean angle off the normal [deg]."""
    config = _config(arm, stiffness, pulse_m, CellConfig().twin.breathing.amplitude_m)
    config = replace(config, hardware=replace(config.hardware, rate_hz=rate_hz or config.hardware.rate_hz))
    r = full.run(config, seconds)
    e, scanning, target = r.force_n - config.contact.force_n, r.scanning, config.contact.force_n
    learned = r.time_s >= LEARNED_S
    return {
        "before_n": float(np.sqrt(np.mean(e[scanning & ~learned] ** 2))),
        "after_n": float(np.sqrt(np.mean(e[scanning & learned] ** 2))),
        "instant_n": float(np.sqrt(r.square_n2[scanning & learned].mean())),
        "overshoot": float(r.most_n[r.time_s < 4.0].max() / target - 1.0),
        "kept": float(np.mean(r.least_n[scanning] > 0.0)),
        "off_normal_deg": float(np.degrees(r.off_rad[scanning].mean())),
    }


def spot_text(s: dict[str, float]) -> str:
    """One line."""
    return (
        f"{s['before_n']:.3f} / {s['after_n']:.3f} ({s['instant_n']:.3f}) N, overshoot {100 * s['overshoot']:.0f} %, "
        f"contact kept {100 * s['kept']:.2f} %, {s['off_normal_deg']:.2f} deg off the normal"
    )


def figures(arms: tuple[str, ...]) -> dict[str, object]:
    """What `bench/figures.py` collects."""
    ideal = replace(STILL, lag_s=0.0)
    return {
        "bandwidth_hz": {"ideal": round(bandwidth_hz(measured_response(ideal, Own(ideal))), 1)}
        | {arm: round(bandwidth_hz(arm_response(arm)), 1) for arm in arms},
        "rms_n": {arm: {f"{k:g} N/m, pulse {1e3 * p:g} mm": spot(arm, k, p) for k, p in SPOTS} for arm in arms},
        "tones_hz": TONES_HZ.tolist(),
    }
