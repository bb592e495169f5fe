"""The volume while it grows: each accepted image is compounded as soon as the pose it was taken at is known."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.geometry.pose import interpolate
from medrobot_ros.imaging.compounding import Compounder
from medrobot_ros.imaging.settings import Reconstruction
from medrobot_ros.signals import Array, Image, ImageGeometry, ProbeState, VolumeCloud

LIVE = Reconstruction((4.0, 4.0, 4.0), threshold=1)  # coarse: to look at, and to be sent often
STRIDE = 4  # of the pixels, which are far finer than these voxels
REMEMBERED = 64  # poses, and images that wait for theirs


class LiveVolume:
    """Of one examination, as the poses tell, the patient's breathing left in. `clear` begins the next one."""

    def __init__(self, geometry: ImageGeometry) -> None:
        column_m, row_m = geometry.spacing_m
        self._T_probe_pixel = geometry.T_probe_image @ np.diag([column_m, row_m, 1.0, 1.0])
        self._poses: deque[ProbeState] = deque(maxlen=REMEMBERED)
        self.clear()
        self._compound(np.zeros((geometry.rows, geometry.columns), np.uint8), np.eye(4))  # compiles, so that the first image is on time
        self.clear()

    def clear(self) -> None:
        """Forgets the images."""
        self._waiting: deque[Image] = deque(maxlen=REMEMBERED)
        self._compounder = Compounder(LIVE, STRIDE)
        self._shown = 0

    def add(self, image: Image) -> None:
        """An image that is to count."""
        self._waiting.append(image)

    def hear(self, probe: ProbeState) -> None:
        """The newest pose."""
        if not self._poses or probe.stamp_ns > self._poses[-1].stamp_ns:
            self._poses.append(probe)

    def advance(self) -> None:
        """Compounds the images whose poses are known by now; one older than all poses has none."""
        while self._waiting and self._poses and self._waiting[0].stamp_ns <= self._poses[-1].stamp_ns:
            image = self._waiting.popleft()
            T_base_probe = self._pose_at(image.stamp_ns)
            if T_base_probe is not None:
                self._compound(image.pixels, T_base_probe)

    def _pose_at(self, stamp_ns: int) -> Array | None:
        later = next(k for k, p in enumerate(self._poses) if p.stamp_ns >= stamp_ns)
        b = self._poses[later]
        if b.stamp_ns == stamp_ns:
            return b.T_base_probe
        if later == 0:
            return None
        a = self._poses[later - 1]
        return interpolate(a.T_base_probe, b.T_base_probe, (stamp_ns - a.stamp_ns) / (b.stamp_ns - a.stamp_ns))

    def _compound(self, pixels: NDArray[np.uint8], T_base_probe: Array) -> None:
        self._compounder.add(pixels, np.diag([1e3, 1e3, 1e3, 1.0]) @ T_base_probe @ self._T_probe_pixel)

    def cloud(self, stamp_ns: int) -> VolumeCloud | None:
        """The voxels that images have reached; None where none were added since the last."""
        if self._compounder.images == self._shown:
            return None
        self._shown = self._compounder.images
        volume = self._compounder.volume()
        k, j, i = np.nonzero(volume.voxels)
        at_mm = np.column_stack((i, j, k)).astype(np.float64) * np.array(volume.spacing_mm, float) + np.array(volume.offset_mm, float)
        return VolumeCloud(stamp_ns, 1e-3 * at_mm, volume.voxels[k, j, i])
