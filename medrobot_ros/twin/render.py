"""One image's echoes from all that is known, on the processor: the same kernels run on a GPU in `gpu.py`."""

from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np
from numpy.typing import NDArray

from medrobot_ros.errors import MachineError
from medrobot_ros.twin.echo import blur_line, draw_points, receive_line
from medrobot_ros.twin.path import new_path
from medrobot_ros.twin.ray import trace_line
from medrobot_ros.twin.refraction import new_memory, volume_of
from medrobot_ros.twin.speckle import Scatterers
from medrobot_ros.twin.tables import Table, Tables

GRADIENTS = 2**14  # of interfaces that are remembered


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
        self._scene, self._volume = scene, (*volume_of(scene.labels), *new_memory(GRADIENTS))
        self._work = new_path(len(scene.tables.tgc))

    def __call__(self, view: View) -> Table:
        """The envelope (lines, samples), 1 at full scale."""
        s, t = self._scene, self._scene.tables
        out = np.empty((s.lines, len(t.tgc)), np.float32)
        scatterers = view.axes, s.scatterers.structure.reshape(-1), s.scatterers.tile.reshape(-1).view(np.int32)
        _render(
            t.sample_m, t.convergence, view.chart, self._volume, view.vessels, (t.materials, t.fading), scatterers, t.tgc, t.slices,
            t.shares, t.pulse, t.pulse_samples, s.points, t.weights, t.widths, view.share, s.gain, s.noise, view.frame, t.reverberation,
            s.scatterers.tile.reshape(-1), self._work, out,
        )  # fmt: skip
        return out


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _render(  # type: ignore[no-untyped-def]
    sample_m, convergence, chart, volume, vessels, tissues, scatterers, tgc, slices, shares, pulse, pulse_samples, points, weights, widths,
    coupled, gain, noise, frame, reverberation, stray, work, out,
):  # fmt: skip
    """Fills `out` (lines, samples) with the envelope."""
    lines, samples = out.shape
    echoes, blurred = np.zeros((lines, 2 * samples), np.float32), np.zeros(2 * samples, np.float32)
    seen = np.full((lines, len(points), 5), np.float32(1e9))
    for i in range(lines):
        if coupled[i] > 0.0:
            trace_line(
                i, sample_m, convergence, chart, volume, vessels, tissues, scatterers, tgc, slices, shares, pulse, points, work, echoes[i],
                seen[i],
            )  # fmt: skip
    for i in range(lines):
        if coupled[i] > 0.0:
            blur_line(i, echoes, weights, blurred)
            draw_points(seen[i], points, widths, pulse_samples, blurred)
        receive_line(i, coupled[i], gain, noise, frame, tgc, reverberation, stray, blurred, out[i])
