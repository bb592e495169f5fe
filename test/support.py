"""Small stand-ins that several tests share."""

import numpy as np

from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.signals import Array

POINTING_DOWN = np.diag([1.0, -1.0, -1.0])


class Gantry:
    """An ideal six-axis machine: joints are the probe tip's position and rotation vector in base. It weighs nothing."""

    name, n = "gantry", 6
    joint_names = tuple(f"axis_{k}" for k in range(6))
    q_lower, q_upper = -3.0 * np.ones(6), 3.0 * np.ones(6)
    qd_max, tau_max, brake_rad_per_s2 = 2.0 * np.ones(6), 500.0 * np.ones(6), 5.0 * np.ones(6)
    T_flange_ft = np.eye(4)
    T_flange_probe = T_ft_probe = pose(np.eye(3), np.array([0.0, 0.0, 0.15]))
    probe_mass_kg, p_ft_com = 0.5, np.array([0.0, 0.0, 0.06])
    q_home = np.array([0.5, -0.06, 0.12, 0.0, 0.0, 0.0])

    def T_base_probe(self, q: Array) -> Array:
        return pose(rotation_from_vector(q[3:]) @ POINTING_DOWN, q[:3])

    def jacobian_probe(self, q: Array) -> Array:
        R = self.T_base_probe(q)[:3, :3].T
        return np.block([[R, np.zeros((3, 3))], [np.zeros((3, 3)), R]])

    def probe_and_limits_at(self, q: Array) -> tuple[Array, Array, Array]:
        return self.T_base_probe(q), self.jacobian_probe(q), np.stack((-self.qd_max, self.qd_max))

    def T_base_probe_many(self, Q: Array) -> Array:
        return np.array([self.T_base_probe(q) for q in Q])

    def statics(self, q: Array) -> tuple[Array, Array]:
        return self.jacobian_probe(q), np.zeros(6)
