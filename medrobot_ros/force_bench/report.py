"""`medrobot bench force`: prints the maps beside the baselines, the responses, and spot checks of the whole cell; draws them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from medrobot_ros.config import CellConfig
from medrobot_ros.force_bench import full
from medrobot_ros.force_bench.beam import Beam
from medrobot_ros.force_bench.laws import LAWS, Own
from medrobot_ros.force_bench.maps import Cell, Map, maps, measure
from medrobot_ros.force_bench.picture import draw
from medrobot_ros.force_bench.response import LISTEN_S, TONES_HZ, bandwidth_hz, closed_loop, measured_response, tones
from medrobot_ros.signals import Array

LEARNED_S = 8.0  # two breaths at 0.25 Hz
STILL = Beam(breathing_m=0.0, friction=0.0, damping_s=0.0)
SPOTS = ((300.0, 0.0), (800.0, 0.0), (2000.0, 0.0), (2000.0, 0.001))  # stiffness [N/m], pulse [m]
PICTURE = "force.png"


def report(arms: tuple[str, ...], out: Path) -> None:
    """Measures, prints and draws everything; `out` is a folder."""
    measured = []
    for place in maps():
        cells = [[measure(beam) for beam in line] for line in place.beams]
        _print_map(place, cells)
        measured.append((place, cells))
    responses = _responses(arms)
    print("\nclosed loop, -3 dB:")
    for name, size in responses.items():
        print(f"  {name:32} {bandwidth_hz(size):5.1f} Hz, peak {20 * np.log10(size.max()):+.1f} dB")
    print("\nthe whole control path, 30 s after touch (arm, stiffness N/m, pulse mm):")
    for arm in arms:
        for stiffness, pulse_m in SPOTS:
            print(f"  {arm:6} {stiffness:5.0f} {1e3 * pulse_m:2.0f}: {spot_text(spot(arm, stiffness, pulse_m))}")
    out.mkdir(parents=True, exist_ok=True)
    draw(measured, responses, out / PICTURE)
    print(f"\n{out / PICTURE}")


def _print_map(place: Map, cells: list[list[list[Cell]]]) -> None:
    print(f"\n{place.title}: rms error [N] before / after two breaths, gain margin")
    for k, law in enumerate(cells[0][0]):
        print(f"  {law.law}")
        print(f"    {'':16}" + "".join(f"{c:>20}" for c in place.columns))
        for name, line in zip(place.rows, cells, strict=True):
            print(f"    {name:16}" + "".join(f"{_cell_text(c[k]):>20}" for c in line))


def _cell_text(c: Cell) -> str:
    return f"{c.before_n:.2f} / {c.after_n:.2f}, {c.margin:.1f}"


def _responses(arms: tuple[str, ...]) -> dict[str, Array]:
    """Closed-loop sizes on one axis (ideal, with servo lag, with other filters), and on each arm."""
    ideal, lagging = replace(STILL, lag_s=0.0), STILL
    out = {f"ideal arm, {law.name}": measured_response(ideal, law(ideal)) for law in LAWS}
    contact = CellConfig().contact
    for filter_hz in (20.0, contact.filter_hz, 80.0):
        own = Own(lagging, replace(contact, filter_hz=filter_hz))
        out[f"5 ms servo lag, {filter_hz:g} Hz filter"] = measured_response(lagging, own)
    return out | {arm: arm_response(arm) for arm in arms}


def _config(arm: str, stiffness: float, pulse_m: float, breathing_m: float) -> CellConfig:
    config = CellConfig()
    twin = replace(
        config.twin,
        tissue=replace(config.twin.tissue, stiffness_n_per_m=stiffness),
        pulse=replace(config.twin.pulse, amplitude_m=pulse_m),
        breathing=replace(config.twin.breathing, amplitude_m=breathing_m),
    )
    return replace(config, arm=replace(config.arm, name=arm), twin=twin)


def arm_response(arm: str) -> Array:
    """Closed-loop sizes through an arm's whole control path, on tissue of 800 N/m that does not breathe."""
    stages = full.build(_config(arm, 800.0, 0.0, 0.0), speed_m_per_s=0.0)
    update, control = stages["contact"].engagement.regulator.update, stages["contact"].engagement.regulator
    period_s, count = 1.0 / stages["hardware"].rate_hz, 0

    def excited(reference_n: float, force_n: float, seating: bool) -> float:
        nonlocal count
        count += 1
        return float(update(reference_n + (0.0 if seating else tones(count * period_s)), force_n, seating))

    control.update = excited
    record = full.record(stages, 4.0 + LISTEN_S)
    return closed_loop(record.time_s, record.force_n)


def spot(arm: str, stiffness: float, pulse_m: float = 0.0, seconds: float = 30.0) -> dict[str, float]:
    """Figures of the whole control path: rms errors [N], first peak over the reference, contact kept, mean angle off the normal [deg]."""
    config = _config(arm, stiffness, pulse_m, CellConfig().twin.breathing.amplitude_m)
    r = full.run(config, seconds)
    e, scanning, target = r.force_n - config.contact.force_n, r.scanning, config.contact.force_n
    learned = r.time_s >= LEARNED_S
    return {
        "before_n": float(np.sqrt(np.mean(e[scanning & ~learned] ** 2))),
        "after_n": float(np.sqrt(np.mean(e[scanning & learned] ** 2))),
        "overshoot": float(r.force_n[r.time_s < 4.0].max() / target - 1.0),
        "kept": float(np.mean(r.force_n[scanning] > 0.0)),
        "off_normal_deg": float(np.degrees(r.off_rad[scanning].mean())),
    }


def spot_text(s: dict[str, float]) -> str:
    """One line."""
    return (
        f"{s['before_n']:.3f} / {s['after_n']:.3f} N, overshoot {100 * s['overshoot']:.0f} %, contact kept {100 * s['kept']:.2f} %, "
        f"{s['off_normal_deg']:.2f} deg off the normal"
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
