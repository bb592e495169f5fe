"""An arm in the terms of roboticstoolbox and spatialmath, for those who work with these: plots, symbolic work, other solvers.

The cell computes the same by itself (a test holds both to 1e-12): a control tick cannot wait for the toolbox's argument checks.
"""

from functools import reduce
from operator import mul
from typing import Any

import numpy as np
from roboticstoolbox import ET
from spatialmath import SE3

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.errors import ConfigError
from medrobot_ros.signals import Array


def elementary_transforms(model: ArmModel) -> Any:
    """The `ETS` of the chain from base to probe tip. Raises: ConfigError for a joint whose axis is none of its frame's."""
    parts = []
    for s in model.segments:
        k = int(np.argmax(np.abs(s.axis)))
        if not np.array_equal(np.abs(s.axis), np.eye(3)[k]):
            raise ConfigError(f"joint '{s.name}': its axis must lie along x, y or z")
        turn = (ET.Rx, ET.Ry, ET.Rz)[k](flip=bool(s.axis[k] < 0.0))
        parts += [ET.SE3(SE3(s.T_before_joint, check=False)), turn]
    chain: Any = reduce(mul, [*parts, ET.SE3(SE3(model.T_last_probe, check=False))])
    return chain


def probe_pose(model: ArmModel, q: Array) -> SE3:
    """Where the probe's tip is at `q` (n,) [rad], in base."""
    return SE3(model.T_base_probe(q), check=False)
