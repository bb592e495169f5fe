"""Whether poses move enough to show what is asked of them, and which motion is missing where they do not."""

import numpy as np

from medrobot_ros.errors import DataError
from medrobot_ros.signals import Array

MIN_TURN_RAD = 0.1  # rms; chosen: at 1 mm of noise and ten poses it leaves a lever of 3 mm, the worst that is of use
SAME_AXIS = 0.985  # cosine (10 deg) within which a direction is called by an axis' name


def check_turns(turns: Array, frame: str) -> None:
    """Rotation vectors (n, 3) [rad] between poses must span at least two axes of `frame`. Raises: DataError."""
    squares, axes = np.linalg.eigh(turns.T @ turns / len(turns))
    rms_rad = np.sqrt(np.maximum(squares, 0.0))
    if rms_rad[2] < MIN_TURN_RAD:
        raise DataError(f"the poses hardly turn ({np.degrees(rms_rad[2]):.1f} deg rms): rotate about two axes, 20 deg or more about each")
    if rms_rad[1] < MIN_TURN_RAD:
        raise DataError(f"rotate about a second axis: the poses turn only about {axis_name(axes[:, 2], frame)}")


def check_tilts(up: Array, frame: str) -> None:
    """Unit vectors `up` (n, 3) in `frame` must point in directions that do not lie on one line. Raises: DataError."""
    spread, directions = np.linalg.eigh(np.cov(up.T, bias=True))
    rms = np.sqrt(np.maximum(spread, 0.0))
    if rms[2] < MIN_TURN_RAD:
        raise DataError(f"the poses hardly tilt ({np.degrees(rms[2]):.1f} deg rms): tilt {frame} about two horizontal axes")
    if rms[1] < MIN_TURN_RAD:
        tilted_about = np.cross(up.mean(axis=0), directions[:, 2])
        raise DataError(f"tilt about a second axis, or further: the poses tilt only about {axis_name(tilted_about, frame)}")


def turns_between(R: Array) -> Array:
    """Rotation vectors (n (n - 1) / 2, 3) of `R[j] @ R[i].T` for each pair of rotations R (n, 3, 3): axes in the outer frame."""
    from scipy.spatial.transform import Rotation

    i, j = np.triu_indices(len(R), k=1)
    vectors: Array = Rotation.from_matrix(R[j] @ R[i].transpose(0, 2, 1)).as_rotvec()
    return vectors


def axis_name(direction: Array, frame: str) -> str:
    """'base z', or the components where no axis lies near."""
    unit = direction / np.linalg.norm(direction)
    k = int(np.argmax(np.abs(unit)))
    if abs(unit[k]) > SAME_AXIS:
        return f"{frame} {'xyz'[k]}"
    x, y, z = unit * np.sign(unit[k])
    return f"({x:.2f}, {y:.2f}, {z:.2f}) in {frame}"
