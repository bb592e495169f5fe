"""The report's figures, each a function from a run to a matplotlib figure. Millimetres, degrees and milliseconds here only."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from medrobot_ros.recording.coverage import carried, covered_points, planned_skin
from medrobot_ros.recording.force import Force
from medrobot_ros.recording.metrics import normal_error
from medrobot_ros.recording.reader import Run, Stamps
from medrobot_ros.signals import Array, HardwareStatus

INK, MUTED, BLUE, TEAL, AMBER, RED, SHADE = "#1f2933", "#7b8794", "#1d5c93", "#2a9d8f", "#d98e04", "#b3261e", "#e6eef5"
QUALITY = "viridis"
WIDE, HALF = (10.0, 3.1), (4.9, 3.8)
SHOWN_PERIODS, LOOP_BINS = 2.5, 100  # of the loop's histogram; longer intervals count in its last bin
MAX_POINTS = 1500  # pairs drawn of a long series


def as_uri(figure: Figure) -> str:
    """The figure as a data URI."""
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + b64encode(buffer.getvalue()).decode()


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """An image as a data URI, without loss."""
    from PIL import Image as Picture

    buffer = BytesIO()
    Picture.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + b64encode(buffer.getvalue()).decode()


def _axes(size: tuple[float, float], x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="#e4e7eb", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    return figure, axes


def _seconds(run: Run, stamps_ns: Stamps) -> Array:
    """Time since the task's first recorded state."""
    states = run.signals("task/state")
    begin_ns = states[0].stamp_ns if states else (stamps_ns[0] if len(stamps_ns) else 0)
    seconds: Array = 1e-9 * (stamps_ns - begin_ns)
    return seconds


def thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """At most `MAX_POINTS` pairs of least and greatest value, so that no peak is lost."""
    if len(x) <= 2 * MAX_POINTS:
        return x, y
    bins = np.array_split(np.arange(len(x)), MAX_POINTS)
    keep = np.unique([i for b in bins for i in (b[0] + np.argmin(y[b]), b[0] + np.argmax(y[b]))])
    return x[keep], y[keep]


def _spans(x: Array, mask: "NDArray[np.bool_]") -> list[tuple[float, float]]:
    """The intervals of x in which the mask holds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(float(x[a]), float(x[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def force(run: Run, true: Force, measured: Force) -> Figure:
    """Force along the beam over time."""
    figure, axes = _axes(WIDE, "time [s]", "force along the beam [N]")
    reference = true if len(true.force_n) else measured
    t = _seconds(run, reference.stamps_ns)
    for k, (a, b) in enumerate(_spans(t, reference.scanning)):
        axes.axvspan(a, b, color=SHADE, linewidth=0, label="scanning" if k == 0 else None)
    for series, colour, label in ((measured, TEAL, "measured"), (true, BLUE, "true")):
        if len(series.force_n):
            axes.plot(*thinned(_seconds(run, series.stamps_ns), series.force_n), color=colour, linewidth=0.9, label=label)
    axes.plot(*thinned(t, reference.reference_n), color=INK, linewidth=1.0, linestyle="--", label="reference")
    safety = run.config.safety
    for level, colour, label in ((safety.slow_n, AMBER, "slow and yield"), (safety.retract_n, RED, "retract and stop")):
        axes.axhline(level, color=colour, linewidth=1.0, label=f"{level:g} N: {label}")
    axes.set_ylim(bottom=-1.0)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.17), ncols=6, fontsize=8.5, frameon=False)
    return figure


def path(run: Run) -> Figure | None:
    """Planned skin from above, covered or open, with the images on it coloured by their visibility; all where the patient lay last."""
    plan, probe, qualities = planned_skin(run), run.poses("probe/pose"), list(run.qualities.values())
    if plan is None or not len(probe) or not qualities:
        return None
    points, done = covered_points(run)
    along = carried(run, plan)
    figure, axes = _axes((4.9, 5.2), "base x [mm]", "base y [mm]")
    for mask, marker, colour, label in ((done, ".", "#b8c4ce", "covered"), (~done, "x", RED, "not covered")):
        x_mm, y_mm = 1e3 * points[mask, :2].T
        axes.scatter(x_mm, y_mm, s=14, marker=marker, color=colour, linewidths=0.9, label=f"{label} ({mask.sum()})")
    touching = [q for q in qualities if q.coupled_m[1] > q.coupled_m[0]]
    tips_mm = 1e3 * np.array([along(q.stamp_ns, probe.pose_at(q.stamp_ns))[:2, 3] for q in touching]).reshape(-1, 2)
    seen = [q.visibility for q in touching]
    dots = axes.scatter(tips_mm[:, 0], tips_mm[:, 1], c=seen, cmap=QUALITY, vmin=0.0, vmax=1.0, s=16, zorder=3)
    figure.colorbar(dots, ax=axes, label="visibility", shrink=0.75)
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.1), ncols=2, fontsize=8.5, frameon=False)
    return figure


def normal(run: Run) -> Figure | None:
    """Angle between the probe and the skin's normal over time."""
    error = normal_error(run)
    if not len(error):
        return None
    figure, axes = _axes(HALF, "time [s]", "normal error [deg]")
    degrees = np.degrees(error.values)
    axes.plot(*thinned(_seconds(run, error.stamps_ns), degrees), color=BLUE, linewidth=0.0, marker=".", markersize=1.5)
    axes.axhline(float(np.mean(degrees)), color=INK, linewidth=1.0, linestyle="--", label=f"mean {np.mean(degrees):.2f} deg")
    axes.set_ylim(bottom=0.0)
    axes.legend(fontsize=8.5, frameon=False)
    return figure


def loop(run: Run) -> Figure | None:
    """Intervals between the stamps of joint states, with the hardware's own percentiles; none without a wall clock."""
    states: list[HardwareStatus] = run.signals("hardware/state")
    periods_ms = 1e-6 * np.diff(run.positions("joint_states").stamps_ns)  # the recorder takes them in batches: arrival would tell nothing
    if not len(periods_ms) or not states or states[-1].period_p99_s is None or states[-1].period_p50_s is None:
        return None
    nominal_ms = 1e3 / run.config.hardware.rate_hz
    figure, axes = _axes(HALF, "interval [ms]", "samples")
    span_ms = (0.0, SHOWN_PERIODS * nominal_ms)
    axes.hist(np.clip(periods_ms, *span_ms), bins=LOOP_BINS, range=span_ms, color=BLUE, alpha=0.55, label="joint states")
    axes.set_yscale("log")
    for value, colour, label in ((states[-1].period_p50_s, INK, "median"), (states[-1].period_p99_s, AMBER, "99th percentile")):
        axes.axvline(1e3 * value, color=colour, linewidth=1.1, label=f"hardware loop, {label} {1e3 * value:.3f} ms")
    axes.legend(fontsize=8, frameon=False)
    return figure


def slices(voxels: NDArray[np.uint8], spacing_mm: Sequence[float]) -> Figure:
    """Three orthogonal slices through the middle of what is filled; `voxels` (z, y, x), spacing along (x, y, z)."""
    x, y, z = spacing_mm
    filled = np.argwhere(voxels > 0)
    k, j, i = np.median(filled, axis=0).astype(int) if len(filled) else np.array(voxels.shape) // 2
    figure = Figure(figsize=(10.0, 3.6), layout="constrained")
    views: tuple[tuple[Any, str, str, float, float], ...] = (
        (voxels[::-1, j, :], "x [mm]", "z [mm]", x, z),
        (voxels[::-1, :, i], "y [mm]", "z [mm]", y, z),
        (voxels[k, ::-1, :], "x [mm]", "y [mm]", x, y),
    )
    for axes, (pixels, across, up, width, height) in zip(figure.subplots(1, 3), views, strict=True):
        rows, columns = pixels.shape
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=(0.0, columns * width, 0.0, rows * height), interpolation="nearest")
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.tick_params(labelsize=8)
    return figure
