"""`summary.json` and `report.html`: one page that needs nothing else to be read."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jinja2 import Environment
from numpy.typing import NDArray

from medrobot_ros.config import CellConfig, keys
from medrobot_ros.recording import figures
from medrobot_ros.recording.force import measured_force, true_force
from medrobot_ros.recording.page import PAGE
from medrobot_ros.recording.reader import Run, Series
from medrobot_ros.signals import Event, ImageGeometry, ImageQuality

Draw = Callable[[NDArray[np.uint8], ImageGeometry], NDArray[np.uint8]]

SAMPLES = 12
EVENT_ROWS = 40
SHARE_DIGITS = 4  # so that 94.96 % does not read as the 95 % that it fails to reach
SUMMARY, REPORT = "summary.json", "report.html"


class Volume(Protocol):
    """A compounded volume: `voxels` (z, y, x) and its spacing along (x, y, z) [mm]."""

    @property
    def voxels(self) -> NDArray[np.uint8]: ...

    @property
    def spacing_mm(self) -> Any: ...


@dataclass(frozen=True)
class Figure:
    """One row of the table of key figures. `good` is None where nothing is demanded or nothing was measured."""

    name: str
    value: str
    demand: str
    good: bool | None


@dataclass(frozen=True)
class Sample:
    """One image shown in the report."""

    uri: str
    caption: str
    accepted: bool


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Writes `summary.json`, keys sorted."""
    (folder / SUMMARY).write_text(json.dumps(summary, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_report(folder: Path, run: Run, summary: dict[str, Any], volume: Volume | None = None, draw: Draw | None = None) -> None:
    """Writes `report.html`; `draw` puts a scale and the like on the images shown."""
    true, measured = true_force(run), measured_force(run)
    drawn = {
        "force": figures.force(run, true, measured),
        "path": figures.path(run),
        "normal": figures.normal(run),
        "loop": figures.loop(run),
        "volume": figures.slices(volume.voxels, volume.spacing_mm) if volume is not None else None,
    }
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(PAGE)
    html = page.render(
        run_name=folder.resolve().name,
        summary=summary,
        simulated=run.config.hardware.name == "mock",
        verdict=verdict(summary),
        key_figures=key_figures(summary, run.config),
        figures={k: figures.as_uri(f) for k, f in drawn.items() if f is not None},
        samples=samples(run, draw),
        configuration=configuration(run.config),
        events=_events(run),
        events_left_out=max(0, len(run.signals("events")) - EVENT_ROWS),
    )
    (folder / REPORT).write_text(html, encoding="utf-8")


def verdict(summary: dict[str, Any]) -> str:
    """The banner's sentence."""
    ending = {
        "accepted": "The examination was completed and accepted.",
        "rejected": "The examination was completed but not accepted.",
        "stopped": "The examination was stopped by the safety system.",
        "aborted": "The examination was aborted.",
    }.get(summary["outcome"], "The record ends before the examination was concluded.")
    return ending + (f" Reason: {summary['reason']}." if summary["reason"] else "")


def key_figures(summary: dict[str, Any], config: CellConfig) -> list[Figure]:
    """The figures that an examination is judged by, with what is demanded of them."""
    loop = summary["loop"]
    force_n = f"{config.contact.force_n:g} N"
    return [
        _figure("Coverage of the planned skin", summary["coverage"], "%", 100.0, at_least=config.scan.min_coverage),
        _figure(f"True force error at {force_n}, RMS", summary["force_error_rmse_n"], "N", at_most=0.3),
        _figure("True force error, greatest", summary["force_error_max_n"], "N"),
        _figure("Measured force error, RMS", summary["measured_force_error_rmse_n"], "N"),
        _figure("Greatest true force", summary["force_max_n"], "N", at_most=config.safety.slow_n),
        _figure("Contact kept while scanning", summary["contact_share"], "%", 100.0, at_least=0.99),
        _figure("Angle to the skin's normal, mean", summary["normal_error_mean_deg"], "deg", at_most=4.0),
        _figure("Angle to the skin's normal, greatest", summary["normal_error_max_deg"], "deg"),
        _figure("Images", summary["images"], ""),
        _figure("Images in contact, accepted", summary["images_accepted_share"], "%", 100.0),
        _figure("Visibility in contact, mean", summary["visibility_mean"], ""),
        _figure("Rounds of repeated lines", summary["repeats"], ""),
        _figure("Loop period, median", loop["period_p50_s"], "ms", 1e3),
        _figure("Loop period, 99th percentile", loop["period_p99_s"], "ms", 1e3),
        _figure("Loop period, greatest", loop["period_max_s"], "ms", 1e3),
        _figure("Loop period error, 99th percentile", loop["period_error_p99_s"], "ms", 1e3, at_most=0.5e-3),
        _figure("Loop overruns", loop["overruns"], ""),
        _figure("Ticks answered within one period", loop["answered"], "%", 100.0, at_least=0.99),
    ]


def _figure(
    name: str, value: float | None, unit: str, scale: float = 1.0, at_least: float | None = None, at_most: float | None = None
) -> Figure:
    """A row; `scale` turns SI into the unit shown."""
    bound = at_least if at_least is not None else at_most
    demand = "" if bound is None else f"{'≥' if at_least is not None else '≤'} {scale * bound:g} {unit}".strip()
    if value is None:
        return Figure(name, "not measured", demand, None)
    shown = f"{value}" if isinstance(value, int) else f"{scale * value:.{SHARE_DIGITS if unit == '%' else 3}g}"
    good = None if bound is None else (value >= bound if at_least is not None else value <= bound)
    return Figure(name, f"{shown} {unit}".strip(), demand, good)


def samples(run: Run, draw: Draw | None = None) -> list[Sample]:
    """Images at even intervals over those that touched, with their verdicts and where the probe was."""
    touched = [q for q in run.qualities.values() if q.contact_share > 0.0]
    if not touched:
        return []
    chosen = {touched[round(k)].stamp_ns for k in np.linspace(0, len(touched) - 1, SAMPLES)}
    probe, out = run.poses("probe/pose"), []
    for image in run.images():
        if image.stamp_ns in chosen:
            quality = run.qualities[image.stamp_ns]
            pixels = draw(image.pixels, run.geometry) if draw is not None and run.geometry is not None else image.pixels
            out.append(Sample(figures.png_uri(pixels), _caption(run, quality, probe), quality.accepted))
    return out


def _caption(run: Run, quality: ImageQuality, probe: Series) -> str:
    states = run.signals("task/state")
    begin_ns = states[0].stamp_ns if states else quality.stamp_ns
    words = [f"{1e-9 * (quality.stamp_ns - begin_ns):.1f} s"]
    if len(probe):
        x, y, z = (1e3 * probe.pose_at(quality.stamp_ns)[:3, 3]).tolist()
        words.append(f"tip ({x:.0f}, {y:.0f}, {z:.0f}) mm")
    words += [f"visibility {quality.visibility:.2f}", f"contact {100 * quality.contact_share:.0f} %", *quality.reasons]
    return ", ".join(words)


def configuration(config: CellConfig) -> list[tuple[str, str, str, str]]:
    """(key, value, unit, meaning) of every setting."""
    return [(k.name, _plain(k.value), k.unit, k.meaning) for k in keys(config)]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(f"{v:g}" for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _events(run: Run) -> list[tuple[str, str, str, str]]:
    """(time, source, kind, detail) of the first events."""
    states, events = run.signals("task/state"), run.signals("events")
    first: list[Event] = sorted(events, key=lambda e: int(e.stamp_ns))[:EVENT_ROWS]
    begin_ns = states[0].stamp_ns if states else (first[0].stamp_ns if first else 0)
    return [(f"{1e-9 * (e.stamp_ns - begin_ns):.2f}", e.source, e.kind, e.detail) for e in first]
