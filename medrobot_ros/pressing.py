"""How a run's probe pressed the tissue that its images show, from how it came to rest on the skin.

While contact seats the probe, its travel against the skin's own motion and its push tell how the tissue resists, and the images how far
down it gives way. The scan's pushes then say how deep the probe was in the skin, whose shape the depth camera saw.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.gating import Breathing
from medrobot_ros.imaging.pressing import PressedView, Resistance, estimate_resistance, skin_curvature_per_m
from medrobot_ros.recording.reader import Run, Series, Stamps
from medrobot_ros.signals import Array, Image

SETTLED_NS = 50_000_000  # after the touch, in which force and speed are those of the impact
STILL_NS = 700_000_000  # at the end of a seat, in which the probe has come to rest
STEADY_N = 0.05  # pushes that differ by less are one: chosen, a hundredth of the default


@dataclass(frozen=True)
class Seat:
    """The probe comes to rest on the skin, from touch to scan [ns]."""

    since_ns: int
    until_ns: int


class Pressing:
    """Of a run whose tissue resists and gives way alike everywhere. `radius_m` is that of the punch in `imaging.pressing`."""

    def __init__(self, view: PressedView, resistance: Resistance, radius_m: float, correlation: float, push: Series) -> None:
        self._view, self._resistance, self._push = view, resistance, push
        self.radius_m, self.correlation = radius_m, correlation
        self._rows: dict[int, NDArray[np.float32]] = {}

    @cached_property
    def indentation_m(self) -> float:
        """At the median push."""
        pushes = self._push.values
        return float(self._resistance.indentation_m(np.array([np.median(pushes[pushes > STEADY_N])]))[0])

    def rest_rows(self, taken_ns: int) -> NDArray[np.float32]:
        """Row (rows, columns) in which what each pixel of the image taken then shows would lie if nothing pressed."""
        push_n = float(np.interp(taken_ns, self._push.stamps_ns, self._push.values))
        step = round(push_n / STEADY_N)
        if step not in self._rows:
            indentation_m = float(self._resistance.indentation_m(np.array([step * STEADY_N]))[0])
            self._rows[step] = self._view.rest_rows(indentation_m, self.radius_m)
        return self._rows[step]

    def figures(self) -> dict[str, float]:
        """As a command prints them."""
        return {
            "indentation_mm": round(1e3 * self.indentation_m, 2), "pressed_radius_mm": round(1e3 * self.radius_m, 1),
            "pressing_correlation": round(self.correlation, 3),
        }  # fmt: skip


def run_pressing(run: Run, breathing: Breathing, latency_s: float = 0.0) -> Pressing:
    """From a run's first seat before a scan; its images were taken `latency_s` before their stamps.

    Raises: DataError where the record holds too little of it.
    """
    seat, poses, wrenches = _first_seat(run), run.poses("probe/pose"), run.vectors("contact/wrench")
    if seat is None or run.geometry is None or not len(poses) or not len(wrenches):
        raise DataError(f"{run.folder}: no record of the probe coming to rest on the skin, which tells how the tissue gives way")
    push = Series(wrenches.stamps_ns, -wrenches.values[:, 2])
    T_base_probe = poses.pose_at(seat.until_ns)
    travel = Series(poses.stamps_ns, poses.values[:, :3, 3] @ T_base_probe[:3, 2] + breathing.offset_m(poses.stamps_ns))
    felt = travel.stamps_ns[(travel.stamps_ns >= seat.since_ns + SETTLED_NS) & (travel.stamps_ns <= seat.until_ns)]
    try:
        since_s: Array = 1e-9 * (felt - seat.since_ns).astype(float)
        resistance, touch_m = estimate_resistance(since_s, _at(travel, felt), _at(push, felt))
        view = PressedView(run.geometry, skin_curvature_per_m(_skin_points(run), T_base_probe))
        images = _seen(run, seat, latency_s)
        taken_ns = np.array([i.stamp_ns for i in images], dtype=np.int64) - round(1e9 * latency_s)
        pixels = np.array([i.pixels for i in images])
        radius_m, correlation = view.estimate_radius(pixels, _at(travel, taken_ns) - touch_m, taken_ns > seat.until_ns - STILL_NS)
    except DataError as e:
        raise DataError(f"{run.folder}: {e}") from None
    return Pressing(view, resistance, radius_m, correlation, push)


def _first_seat(run: Run) -> Seat | None:
    """The first that a scan follows."""
    states, since_ns = run.signals("contact/state"), None
    for status in states:
        if status.state == "seat":
            since_ns = status.stamp_ns if since_ns is None else since_ns
        elif status.state == "scan" and since_ns is not None:
            return Seat(since_ns, status.stamp_ns)
        else:
            since_ns = None
    return None


def _seen(run: Run, seat: Seat, latency_s: float) -> list[Image]:
    late_ns = round(1e9 * latency_s)
    return [i for i in run.images() if seat.since_ns <= i.stamp_ns - late_ns <= seat.until_ns]


def _skin_points(run: Run) -> Array:
    clouds = run.signals("surface")
    if not clouds:
        raise DataError("no cloud of the skin was recorded")
    points: Array = clouds[-1].points
    return points


def _at(series: Series, stamps_ns: Stamps) -> Array:
    out: Array = np.interp(stamps_ns, series.stamps_ns, series.values)
    return out
