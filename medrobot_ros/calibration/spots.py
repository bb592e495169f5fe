"""Where wires show in an ultrasound image: bright spots, and the three of an N in a row."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medrobot_ros.signals import Array

SMOOTHING_PX = 1.5
THRESHOLD = 0.4  # of the brightest, above which a pixel belongs to a spot; chosen
STRAIGHT = 0.05  # how far an N's middle spot may lie from the line through the outer ones, as a share of their distance


def bright_spots(pixels: NDArray[np.uint8], count: int) -> Array | None:
    """Centres (count, 2) as (column, row) of the strongest spots, weighted by brightness; None where there are fewer."""
    smooth = ndimage.gaussian_filter(pixels.astype(float), SMOOTHING_PX)
    smooth -= np.median(smooth)
    labels, found = ndimage.label(smooth > THRESHOLD * smooth.max())
    if found < count:
        return None
    numbers = np.arange(1, found + 1)
    strongest = numbers[np.argsort(ndimage.sum_labels(smooth, labels, numbers))[-count:]]
    centres = np.array(ndimage.center_of_mass(smooth, labels, strongest))
    return centres[:, ::-1]


def n_wire_spots(pixels: NDArray[np.uint8], layers: int) -> Array | None:
    """Spots (layers, 3, 2) as (column, row): layers from the probe down, in each from left to right; None where they are not all seen."""
    spots = bright_spots(pixels, 3 * layers)
    if spots is None:
        return None
    rows = spots[np.argsort(spots[:, 1])].reshape(layers, 3, 2)
    ordered = np.array([row[np.argsort(row[:, 0])] for row in rows])
    return ordered if all(_straight(row) for row in ordered) else None


def crossed_wire_spot(pixels: NDArray[np.uint8]) -> Array | None:
    """The crossing's (column, row), None where the image is dark."""
    spots = bright_spots(pixels, 1)
    return None if spots is None else spots[0]


def _straight(row: Array) -> bool:
    across, middle = row[2] - row[0], row[1] - row[0]
    width = float(np.linalg.norm(across))
    off = abs(float(across[0] * middle[1] - across[1] * middle[0])) / max(width, 1e-9)
    return off <= STRAIGHT * width
