"""The B-mode's kernels on a CUDA device, one thread a line: the source is that of the processor's."""

import numpy as np
from numba import cuda

from medrobot_ros.twin.echo import blur_line, draw_points, receive_line
from medrobot_ros.twin.path import BLOCK, INDICES, LEVELS
from medrobot_ros.twin.ray import trace_line
from medrobot_ros.twin.refraction import new_memory, volume_of
from medrobot_ros.twin.render import Scene, View
from medrobot_ros.twin.tables import Table

THREADS = 32  # a block; few, because an image has few lines


def has_gpu() -> bool:
    """Whether there is a CUDA device that can be used."""
    return bool(cuda.is_available())


class GpuRenderer:
    """Holds the scene on the device; a view goes there and an envelope comes back."""

    def __init__(self, scene: Scene) -> None:
        s, t, put = scene, scene.tables, cuda.to_device
        self._scene, self._shape = scene, (scene.lines, len(t.tgc))
        self._volume = tuple(put(a) for a in (*volume_of(s.labels), *new_memory(0)))
        rows = len(t.tgc) + BLOCK
        self._work = put(np.zeros((s.lines, LEVELS, rows), np.float32)), put(np.zeros((s.lines, INDICES, rows), np.int32))
        self._points, self._tissues = put(s.points), (put(t.materials), put(t.fading))
        stray = s.scatterers.tile.reshape(-1)
        self._structure, self._tile, self._stray = put(s.scatterers.structure.reshape(-1)), put(stray.view(np.int32)), put(stray)
        self._tgc, self._slices, self._shares, self._pulse = put(t.tgc), put(t.slices), put(t.shares), put(t.pulse)
        self._weights, self._widths, self._reverberation = put(t.weights), put(t.widths), put(t.reverberation)
        self._trace, self._receive = cuda.jit(_trace, fastmath=True), cuda.jit(_receive, fastmath=True)

    def __call__(self, view: View) -> Table:
        """The envelope (lines, samples), 1 at full scale."""
        s, t, put = self._scene, self._scene.tables, cuda.to_device
        lines, samples = self._shape
        echoes, blurred = (put(np.zeros((lines, 2 * samples), np.float32)) for _ in range(2))
        seen = put(np.full((lines, len(s.points), 5), 1e9, np.float32))
        out, share = cuda.device_array(self._shape, np.float32), put(view.share)
        grid = (lines + THREADS - 1) // THREADS, THREADS
        self._trace[grid](
            t.sample_m, *t.convergence, put(view.chart), share, *self._volume, put(view.vessels), *self._tissues, put(view.axes),
            self._structure, self._tile, self._tgc, self._slices, self._shares, self._pulse, self._points, *self._work, echoes, seen,
        )  # fmt: skip
        self._receive[grid](
            share, s.gain, s.noise, view.frame, self._tgc, self._weights, self._widths, t.pulse_samples, self._points, seen,
            self._reverberation, self._stray, echoes, blurred, out,
        )  # fmt: skip
        envelope: Table = out.copy_to_host()
        return envelope


def _trace(  # type: ignore[no-untyped-def]
    sample_m, sine, cosine, chart, share, labels, voxels, steps, keys, found, vessels, materials, fading, axes, structure, tile, tgc,
    slices, shares, pulse, points, levels, indices, echoes, seen,
):  # fmt: skip
    i = cuda.grid(1)  # type: ignore[attr-defined]
    if i < echoes.shape[0] and share[i] > 0.0:
        volume, scatterers, row, at = (labels, voxels, steps, keys, found), (axes, structure, tile), levels[i], indices[i]
        work = row[0], row[1], row[2], row[3], row[4], at[0], at[1], at[2]
        trace_line(
            i, sample_m, (sine, cosine), chart, volume, vessels, (materials, fading), scatterers, tgc, slices, shares, pulse, points, work,
            echoes[i], seen[i],
        )  # fmt: skip


def _receive(  # type: ignore[no-untyped-def]
    share, gain, noise, frame, tgc, weights, widths, pulse_samples, points, seen, reverberation, stray, echoes, blurred, out
):
    i = cuda.grid(1)  # type: ignore[attr-defined]
    if i < echoes.shape[0]:
        blur_line(i, echoes, weights, blurred[i])
        draw_points(seen[i], points, widths, pulse_samples, blurred[i])
        receive_line(i, share[i], gain, noise, frame, tgc, reverberation, stray, blurred[i], out[i])
