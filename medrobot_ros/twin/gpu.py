"""The B-mode's kernels on a CUDA device, one thread a line: the source is that of the processor's."""

import numpy as np
from numba import cuda

from medrobot_ros.twin.echo import blur_line, draw_points, receive_line
from medrobot_ros.twin.ray import trace_line
from medrobot_ros.twin.refraction import volume_of
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
        self._scene, self._shape = scene, (scene.lines, t.along.shape[1])
        labels, voxels, steps = volume_of(s.labels)
        self._labels, self._voxels, self._steps = put(labels), put(voxels), put(steps)
        self._points, self._materials = put(s.points), put(t.materials)
        self._tile, self._structure, self._stray = put(s.scatterers.tile), put(s.scatterers.structure), put(s.scatterers.noise)
        self._along, self._slices, self._pulse, self._weights = put(t.along), put(t.slices), put(t.pulse), put(t.weights)
        self._widths, self._reverberation = put(t.widths), put(t.reverberation)
        self._trace, self._receive = cuda.jit(_trace, fastmath=True), cuda.jit(_receive, fastmath=True)

    def __call__(self, view: View) -> Table:
        """The envelope (lines, samples), 1 at full scale."""
        s, t, put = self._scene, self._scene.tables, cuda.to_device
        lines, samples = self._shape
        field, blurred = put(np.zeros((2, lines, samples), np.float32)), cuda.device_array((2, lines, samples), np.float32)
        seen = put(np.full((lines, len(s.points), 5), 1e9, np.float32))
        out, share = cuda.device_array(self._shape, np.float32), put(view.share)
        grid = (lines + THREADS - 1) // THREADS, THREADS
        self._trace[grid](
            t.sample_m, t.convergence[0], t.convergence[1], put(view.chart), share, self._labels, self._voxels, self._steps,
            put(view.vessels), self._materials, self._tile, put(view.axes), self._structure, self._along, self._slices, self._pulse,
            self._points, field, seen,
        )  # fmt: skip
        self._receive[grid](
            share, s.gain, s.noise, view.frame, self._along, self._weights, self._widths, t.pulse_samples, self._points, seen,
            self._reverberation, self._stray, field, blurred, out,
        )  # fmt: skip
        envelope: Table = out.copy_to_host()
        return envelope


def _trace(  # type: ignore[no-untyped-def]
    sample_m, sine, cosine, chart, share, labels, voxels, steps, vessels, materials, tile, axes, structure, along, slices, pulse, points,
    field, seen,
):
    i = cuda.grid(1)  # type: ignore[attr-defined]
    if i < field.shape[1] and share[i] > 0.0:
        volume, scatterers = (labels, voxels, steps), (tile, axes, structure)
        trace_line(i, sample_m, (sine, cosine), chart, volume, vessels, materials, scatterers, along, slices, pulse, points, field, seen)


def _receive(  # type: ignore[no-untyped-def]
    share, gain, noise, frame, along, weights, widths, pulse_samples, points, seen, reverberation, stray, field, blurred, out
):
    i = cuda.grid(1)  # type: ignore[attr-defined]
    if i < field.shape[1]:
        blur_line(i, field, weights, blurred)
        draw_points(i, seen, points, widths, pulse_samples, blurred)
        receive_line(i, share, gain, noise, frame, along, reverberation, stray, blurred, out)
