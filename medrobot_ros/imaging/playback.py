"""Real tracked ultrasound from a file, at its own pace: frames follow their recorded times and begin again after the last.

Frames without a good image or a time of their own are left out, and told of.
"""

from pathlib import Path

import numpy as np

from medrobot_ros.config import CellConfig
from medrobot_ros.errors import ConfigError, DataError
from medrobot_ros.geometry.pose import pose
from medrobot_ros.imaging.calibration import read_calibration
from medrobot_ros.imaging.scan_conversion import R_PROBE_IMAGE
from medrobot_ros.imaging.sequence import Frame, Sequence, read_sequence
from medrobot_ros.signals import Array, Image, ImageGeometry, PatientTruth

TRACKED = "ProbeToTracker"


class Playback:
    """The good frames of a sequence. `T_probe_pixel_mm` (4, 4) is the probe's calibration, where it is known. Raises: DataError where
    none is good.
    """

    def __init__(self, sequence: Sequence, T_probe_pixel_mm: Array | None = None) -> None:
        good, self._faults = _good_frames(sequence)
        if not good:
            raise DataError(f"{self._faults[0]}; none of its {len(self._faults)} frames can be played")
        self._pixels = sequence.pixels[list(good)]
        self._frames = [sequence.frames[k] for k in good]
        time_s = np.array(list(good.values()))
        self._time_s: Array = time_s - time_s[0]
        last_period_s = float(np.median(np.diff(self._time_s))) if len(good) > 1 else 1.0
        self._length_s = float(self._time_s[-1]) + last_period_s
        self._geometry = _geometry(sequence, T_probe_pixel_mm)
        self._start_ns: int | None = None
        self._shown = -1

    def geometry(self) -> ImageGeometry:
        """From the calibration; without one from the file's spacing, with the probe at the middle of the upper edge."""
        return self._geometry

    def acquire(self, stamp_ns: int, truth: PatientTruth | None) -> Image | None:
        """The frame that is due, once, stamped with its own time since the first call."""
        if self._start_ns is None:
            self._start_ns = stamp_ns
        number = self._number(stamp_ns)
        if number == self._shown:
            return None
        self._shown = number
        turn, frame = divmod(number, len(self._time_s))
        acquired_ns = self._start_ns + round(1e9 * (turn * self._length_s + float(self._time_s[frame])))
        return Image(acquired_ns, self._pixels[frame])

    def faults(self) -> tuple[str, ...]:
        """The frames left out, once."""
        faults, self._faults = self._faults, ()
        return faults

    def pose(self, stamp_ns: int) -> Array | None:
        """The recorded `T_tracker_probe` (4, 4) [m] of the frame that is due; None before the first or where it was not tracked."""
        if self._start_ns is None or stamp_ns < self._start_ns:
            return None
        T_mm = self._frames[self._number(stamp_ns) % len(self._time_s)].transforms.get(TRACKED)
        return None if T_mm is None else pose(T_mm[:3, :3], 1e-3 * T_mm[:3, 3])

    def _number(self, stamp_ns: int) -> int:
        """How many frames have gone before the one that is due, over all turns."""
        turn, at_s = divmod(1e-9 * (stamp_ns - (self._start_ns or 0)), self._length_s)
        return int(turn) * len(self._time_s) + int(np.searchsorted(self._time_s, at_s + 1e-9, side="right")) - 1


def _good_frames(sequence: Sequence) -> tuple[dict[int, float], tuple[str, ...]]:
    """The times [s] of the frames that can be played by their numbers, and what is wrong with each other one."""
    good, faults, last_s = {}, [], -np.inf
    for k, frame in enumerate(sequence.frames):
        fault = _fault(k, frame, last_s)
        if fault:
            faults.append(f"{sequence.path}: {fault}")
        elif frame.time_s is not None:
            good[k] = last_s = frame.time_s
    return good, tuple(faults)


def _fault(k: int, frame: Frame, last_s: float) -> str:
    """Which field keeps a frame from being played, '' where none does."""
    stamp = f"Seq_Frame{k:04d}_Timestamp"
    if not frame.ok:
        return frame.problems[0] if frame.problems else f"Seq_Frame{k:04d}_ImageStatus is not OK"
    if frame.time_s is None:
        return next((p for p in frame.problems if stamp in p), f"{stamp} is missing")
    return "" if frame.time_s > last_s else f"{stamp} = {frame.time_s:g} does not lie after the frame before it"


def _geometry(sequence: Sequence, T_probe_pixel_mm: Array | None) -> ImageGeometry:
    rows, columns = sequence.pixels.shape[1:]
    if T_probe_pixel_mm is None:
        column_m, row_m = (1e-3 * s for s in sequence.spacing_mm)
        T_probe_image = pose(R_PROBE_IMAGE, np.array([-0.5 * (columns - 1) * column_m, 0.0, 0.0]))
    else:
        column_m, row_m = (1e-3 * float(np.linalg.norm(T_probe_pixel_mm[:3, k])) for k in (0, 1))
        x, y = T_probe_pixel_mm[:3, 0] / (1e3 * column_m), T_probe_pixel_mm[:3, 1] / (1e3 * row_m)
        T_probe_image = pose(np.column_stack((x, y, np.cross(x, y))), 1e-3 * T_probe_pixel_mm[:3, 3])
    return ImageGeometry(
        0, "playback", rows, columns, (column_m, row_m), T_probe_image, rows * row_m, columns * column_m
    )


def make(config: CellConfig) -> Playback:
    """The source from the configuration. Raises: ConfigError without a file, DataError for one that is not a tracked sequence."""
    if not config.imaging.file:
        raise ConfigError("imaging.file: the playback source needs a tracked sequence (.igs.mha)")
    calibration = config.imaging.calibration
    T_probe_pixel_mm = read_calibration(Path(calibration)).T_probe_pixel if calibration else None
    return Playback(read_sequence(Path(config.imaging.file)), T_probe_pixel_mm)
