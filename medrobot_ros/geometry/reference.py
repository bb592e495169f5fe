"""Reference spheres on the table: known places that show whether the depth camera is where the cell believes it to be."""

from math import cos, sin

import numpy as np

from medrobot_ros.config import BodySection, CameraSection
from medrobot_ros.signals import Array


def reference_spheres(body: BodySection, camera: CameraSection) -> Array:
    """Their centres (3, 3) [m] in base, a row a sphere."""
    c, s = cos(body.yaw_rad), sin(body.yaw_rad)
    R_base_table = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return np.reshape(camera.spheres_m, (3, 3)) @ R_base_table.T + np.array(body.position_m)
