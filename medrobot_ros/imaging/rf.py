"""From radio-frequency echoes to brightness: time-gain compensation, envelope, logarithmic compression.

The envelope is the magnitude of the analytic signal, whose imaginary part is the echo's Hilbert transform; echoes that were recorded as
in-phase and quadrature parts need none.
"""

from dataclasses import dataclass
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray
from scipy.signal import hilbert

from medrobot_ros.errors import DataError
from medrobot_ros.signals import Array

RF_REAL, RF_IQ_LINE, RF_I_LINE_Q_LINE = "RF_REAL", "RF_IQ_LINE", "RF_I_LINE_Q_LINE"  # PLUS's names
RF_TYPES = (RF_REAL, RF_IQ_LINE, RF_I_LINE_Q_LINE)
WHITE = 255


@dataclass(frozen=True)
class Compression:
    """What becomes of an envelope: `tgc_db_per_cm` is added along the depth, then `dynamic_range_db` below the reference are shown."""

    dynamic_range_db: float = 60.0
    tgc_db_per_cm: float = 0.0

    def __post_init__(self) -> None:
        if not (isfinite(self.tgc_db_per_cm) and 0.0 < self.dynamic_range_db < inf):
            raise DataError(f"the dynamic range ({self.dynamic_range_db:g} dB) must be above zero, and both gain and range finite")


def envelope(echoes: NDArray[np.generic], image_type: str) -> Array:
    """Magnitude (lines, samples) of echoes, recorded as one of RF_TYPES. Raises: DataError for another one."""
    if image_type == RF_REAL:
        return np.abs(hilbert(echoes.astype(float), axis=1))
    if image_type == RF_IQ_LINE:
        return np.hypot(*_halves(echoes[:, 0::2], echoes[:, 1::2]))
    if image_type == RF_I_LINE_Q_LINE:
        return np.hypot(*_halves(echoes[0::2], echoes[1::2]))
    raise DataError(f"UltrasoundImageType = {image_type}: must be one of {', '.join(RF_TYPES)}")


def _halves(i: NDArray[np.generic], q: NDArray[np.generic]) -> tuple[Array, Array]:
    if i.shape != q.shape:
        raise DataError("in-phase and quadrature parts are not equally many")
    return i.astype(float), q.astype(float)


def compensated(amplitude: Array, depth_m: float, tgc_db_per_cm: float) -> Array:
    """Amplitude (lines, samples) with so many dB a cm of depth added; sample k lies `k * depth_m / samples` deep."""
    samples = amplitude.shape[1]
    depth_cm = 100.0 * depth_m / samples * np.arange(samples)
    return amplitude * 10.0 ** (tgc_db_per_cm * depth_cm / 20.0)


def compressed(amplitude: Array, reference: float, dynamic_range_db: float) -> NDArray[np.uint8]:
    """Brightness of an amplitude: white at the reference and above, black at `dynamic_range_db` below it, linear in dB between."""
    with np.errstate(divide="ignore"):
        level_db = 20.0 * np.log10(amplitude / reference)
    return np.rint(WHITE * np.clip(1.0 + level_db / dynamic_range_db, 0.0, 1.0)).astype(np.uint8)


def brightness(echoes: NDArray[np.generic], image_type: str, depth_m: float, how: Compression) -> NDArray[np.uint8]:
    """Brightness (frames, lines, samples) of recorded echoes (frames, ...); the strongest compensated echo of all frames is white."""
    amplitudes = np.stack([compensated(envelope(e, image_type), depth_m, how.tgc_db_per_cm) for e in echoes])
    reference = float(amplitudes.max())
    if reference == 0.0:
        raise DataError("the echoes are all zero")
    return compressed(amplitudes, reference, how.dynamic_range_db)
