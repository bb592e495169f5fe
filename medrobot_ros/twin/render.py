"""One image's echoes from all that is known, on the processor: the same kernels run on a GPU in `gpu.py`."""

from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np
from numpy.typing import NDArray

from medrobot_ros.errors import MachineError
from medrobot_ros.twin.echo import blur_line, draw_points, receive_line
from medrobot_ros.twin.ray import trace_line
from medrobot_ros.twin.refraction import volume_of
from medrobot_ros.twin.speckle import Scatterers
from medrobot_ros.twin.tables import Table, Tables


@dataclass(frozen=True)
class Scene:
    """What stays the same from image to image: labels (nx, ny, nd), points (n, 4), and gain and noise as amplitudes."""

    lines: int
    labels: NDArray[np.uint8]
    points: Table
    tables: Tables
    scatterers: Scatterers
    gain: np.float32
    noise: np.float32


@dataclass(frozen=True)
class View:
    """What changes: the chart (lines, knots, 3, 3), vessels as they beat (see `beats`), the scatterers' axes (5,), each line's coupled
    share, a number for the noise."""

    chart: Table
    vessels: Table
    axes: Table
    share: Table
    frame: int


class Renderer(Protocol):
    """Renders views of one scene."""

    def __call__(self, view: View) -> Table:
        """The envelope (lines, samples), 1 at full scale."""
        ...


def make_renderer(device: str, scene: Scene) -> Renderer:
    """A renderer on the `cpu`, the `gpu`, or by `auto` on a GPU where there is one. `MachineError` where `gpu` finds none."""
    if device == "cpu":
        return CpuRenderer(scene)
    from medrobot_ros.twin.gpu import GpuRenderer, has_gpu  # looks for a driver, which most machines lack

    if has_gpu():
        return GpuRenderer(scene)
    if device == "gpu":
        raise MachineError("imaging.device = gpu: no CUDA device was found; use cpu or auto")
    return CpuRenderer(scene)


class CpuRenderer:
    """On one core, one line after the other."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._volume = scene, volume_of(scene.labels)

    def __call__(self, view: View) -> Table:
        """The envelope (lines, samples), 1 at full scale."""
        s, t = self._scene, self._scene.tables
        out = np.empty((s.lines, t.along.shape[1]), np.float32)
        scatterers = s.scatterers.tile, view.axes, s.scatterers.structure
        _render(
            t.sample_m, t.convergence, view.chart, self._volume, view.vessels, t.materials, scatterers, t.along, t.slices, t.pulse,
            t.pulse_samples, s.points, t.weights, t.widths, view.share, s.gain, s.noise, view.frame, t.reverberation,
            s.scatterers.noise, out,
        )  # fmt: skip
        return out


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _render(  # type: ignore[no-untyped-def]
    sample_m, convergence, chart, volume, vessels, materials, scatterers, along, slices, pulse, pulse_samples, points, weights, widths,
    share, gain, noise, frame, reverberation, stray, out,
):  # fmt: skip
    """Fills `out` (lines, samples) with the envelope."""
    lines, samples = out.shape
    field, blurred = np.zeros((2, lines, samples), np.float32), np.empty((2, lines, samples), np.float32)
    seen = np.full((lines, len(points), 5), np.float32(1e9))
    for i in range(lines):
        if share[i] > 0.0:
            trace_line(i, sample_m, convergence, chart, volume, vessels, materials, scatterers, along, slices, pulse, points, field, seen)
    for i in range(lines):
        blur_line(i, field, weights, blurred)
        draw_points(i, seen, points, widths, pulse_samples, blurred)
        receive_line(i, share, gain, noise, frame, along, reverberation, stray, blurred, out)
