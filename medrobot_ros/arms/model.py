"""An arm with its probe, as numbers and functions: kinematics, limits, dynamics."""

from dataclasses import dataclass
from functools import cached_property
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.arms.capsules import Capsule, read_capsules
from medrobot_ros.arms.description import ArmDescription, NearStops
from medrobot_ros.arms.urdf import FT_LINK, PROBE_LINK, Segment, read_chain
from medrobot_ros.errors import ConfigError
from medrobot_ros.geometry.pose import inverse, pose_error
from medrobot_ros.signals import Array

TURN_RAD = 2.0 * pi  # a joint without stops is kept within one turn of its zero either way


@dataclass(frozen=True, eq=False)
class ArmModel:
    """Arrays (n,) follow the joints from the base; they must not be written to.

    `q_*` [rad], `qd_max` [rad/s], `qdd_max` [rad/s^2] and `qddd_max` [rad/s^3] bound what controllers ask, near the stops
    `near_stops` as well; a stream of twists may have `stream_jerk_rad_per_s3` instead of `qddd_max`. `brake_rad_per_s2`
    is the deceleration of a stop; `tau_max` [Nm]. `wraps` marks joints without stops, whose encoders may jump by a turn.
    """

    name: str
    display: str
    vendor: str
    probe_name: str
    base_link: str
    flange_link: str
    joint_names: tuple[str, ...]
    q_lower: Array
    q_upper: Array
    qd_max: Array
    qdd_max: Array
    qddd_max: Array
    stream_jerk_rad_per_s3: Array
    near_stops: NearStops
    brake_rad_per_s2: Array
    tau_max: Array
    q_home: Array
    wraps: NDArray[np.bool_]
    T_flange_ft: Array
    T_ft_probe: Array
    probe_mass_kg: float
    p_ft_com: Array
    segments: tuple[Segment, ...]  # the moving joints from the base, each with what it carries
    capsules: tuple[Capsule, ...]  # what may collide
    T_last_probe: Array  # probe in the last joint's link
    _T_probe_flange: Array
    _T_probe_ft: Array

    @cached_property
    def n(self) -> int:
        """How many joints."""
        return len(self.joint_names)

    @property
    def T_flange_probe(self) -> Array:
        """Probe in flange coordinates (4, 4)."""
        return self.T_flange_ft @ self.T_ft_probe

    @cached_property
    def _compiled(self) -> Any:
        """Loaded at the first call of any, since many need an arm's numbers alone and this takes longer than all else."""
        from medrobot_ros.arms.compiled import Compiled

        return Compiled(self.segments, self.T_last_probe, self.qd_max, self.near_stops)

    def T_base_probe(self, q: Array) -> Array:
        """Probe pose (4, 4) at `q` (n,)."""
        T: Array = self._compiled.chain.pose(q)
        return T

    def T_base_probe_many(self, Q: Array) -> Array:
        """Probe poses (k, 4, 4) at the rows of `Q` (k, n)."""
        T: Array = self._compiled.chain.poses(Q)
        return T

    def probe_error(self, q: Array, T_base_probe: Array) -> tuple[float, float]:
        """How far [m] and [rad] the probe at `q` (n,) is from a pose (4, 4)."""
        return pose_error(self.T_base_probe(q), T_base_probe)

    @property
    def chain_arrays(self) -> tuple[Array, ...]:
        """What compiled kinematics take (see `chain`)."""
        arrays: tuple[Array, ...] = self._compiled.chain.arrays
        return arrays

    def T_base_ft(self, q: Array) -> Array:
        """Pose (4, 4) of the force/torque sensor's measuring frame at `q` (n,)."""
        T: Array = self._compiled.chain.pose(q) @ self._T_probe_ft
        return T

    def T_base_flange(self, q: Array) -> Array:
        """Flange pose (4, 4) at `q` (n,)."""
        T: Array = self._compiled.chain.pose(q) @ self._T_probe_flange
        return T

    def probe_moving_at(self, q: Array, qd: Array) -> tuple[Array, Array]:
        """`T_base_probe` (4, 4) and the twist (6,) of the probe tip in probe axes at `q`, `qd` (n,), at once."""
        probe: tuple[Array, Array] = self._compiled.chain.pose_and_twist(q, qd)
        return probe

    def probe_and_limits_at(self, q: Array) -> tuple[Array, Array, Array]:
        """`T_base_probe`, `jacobian_probe` and `velocity_limits` at `q` (n,), at once."""
        both: tuple[Array, Array, Array] = self._compiled.probe_and_limits(q)
        return both

    def jacobian_probe(self, q: Array) -> Array:
        """Jacobian (6, n): `J @ qd` is the twist [v; w] of the probe tip in probe axes."""
        J: Array = self._compiled.chain.pose_and_jacobian(q)[1]
        return J

    def gravity_torque(self, q: Array) -> Array:
        """Joint torques (n,) [Nm] that hold arm and probe against gravity, base upright."""
        torque: Array = self._compiled.gravity.torque(q)
        return torque

    def statics(self, q: Array) -> tuple[Array, Array]:
        """`jacobian_probe` (6, n) and `gravity_torque` (n,) at `q` (n,), at once."""
        statics: tuple[Array, Array] = self._compiled.statics(q)
        return statics

    def inertia_matrix(self, q: Array) -> Array:
        """Joint-space inertia (n, n) [kg m^2] of arm and probe at `q` (n,), rotors not included."""
        M: Array = self._compiled.inertia.matrix(q)
        return M

    def tip_wrench(self, q: Array, tau: Array, qdd: Array | None = None) -> Array:
        """The wrench (6,) on the probe tip in probe axes that explains motor torques `tau` (n,) [Nm]: J^T F = gravity + M qdd - tau.

        What speeds alone make (Coriolis) is below 0.1 N near a patient, and left out; without `qdd` (n,) so is what accelerates the arm.
        Where the arm is singular, the part that no torque tells of is left out.
        """
        F: Array = self._compiled.tip_wrench(q, tau if qdd is None else tau - self.inertia_matrix(q) @ qdd)
        return F

    def nearest_turn(self, q: Array, q_near: Array) -> Array:
        """`q` (n,) with joints that wrap turned by whole turns to lie nearest `q_near` (n,)."""
        return q - self.wraps * (TURN_RAD * np.rint((q - q_near) / TURN_RAD)) if self._any_wraps else q.copy()

    @cached_property
    def _any_wraps(self) -> bool:
        return bool(self.wraps.any())

    def velocity_limits(self, q: Array) -> Array:
        """Least and greatest joint velocities (2, n) [rad/s] at `q` (n,): `qd_max`, less near the stops of an arm whose maker says so."""
        limits: Array = self._compiled.velocity_limits(q)
        return limits

    def outside(self, q: Array) -> str:
        """Which joint of `q` (n,) lies beyond its limits and how far; '' where none does."""
        beyond = np.maximum(self.q_lower - q, q - self.q_upper)
        worst = int(np.argmax(beyond))
        if beyond[worst] <= 0.0:
            return ""
        low, high = self.q_lower[worst], self.q_upper[worst]
        limits = f"{low:.3f} to {high:.3f} rad"
        return f"{self.joint_names[worst]} = {q[worst]:.3f} rad lies {beyond[worst]:.3f} rad beyond {limits}"


def build_model(name: str, description: ArmDescription, probe: str, urdf: str) -> ArmModel:
    """The model of an arm from its description and its URDF with `probe`. `ConfigError` where they do not agree."""
    chain = read_chain(urdf, PROBE_LINK, description.kinematics_file)
    segments, n = chain.segments, len(chain.segments)
    d = description
    q_lower = _fixed([max(s.lower_rad, -TURN_RAD) for s in segments])
    q_upper = _fixed([min(s.upper_rad, TURN_RAD) for s in segments])
    near_stops = d.near_stops or NearStops(q_upper, q_lower, np.zeros(n), np.full(n, np.inf))
    lists = (d.home_rad, d.acceleration_rad_per_s2, d.jerk_rad_per_s3, d.braking_rad_per_s2, d.stream_jerk_rad_per_s3)
    if any(len(a) != n for a in (*lists, *vars(near_stops).values())):
        raise ConfigError(f"arm '{name}': its file must give {n} numbers a joint list, one for each joint of its URDF")
    out_of_reach = near_stops.offset_rad_per_s**2 / near_stops.slope_rad_per_s2  # before its end, where a joint may not move on at all
    q_lower, q_upper = np.maximum(q_lower, near_stops.lower_rad + out_of_reach), np.minimum(q_upper, near_stops.upper_rad - out_of_reach)
    flange, probe_body = chain.parent[FT_LINK], chain.bodies[PROBE_LINK]
    T_last_flange, T_last_ft, T_last_probe = (chain.T_last[k] for k in (flange, FT_LINK, PROBE_LINK))
    T_flange_ft, T_ft_probe = inverse(T_last_flange) @ T_last_ft, inverse(T_last_ft) @ T_last_probe
    return ArmModel(
        name=name,
        display=d.display,
        vendor=d.vendor,
        probe_name=probe,
        base_link=chain.root,
        flange_link=flange,
        joint_names=tuple(s.name for s in segments),
        q_lower=_fixed(q_lower),
        q_upper=_fixed(q_upper),
        qd_max=_fixed([s.velocity_rad_per_s for s in segments]),
        qdd_max=d.acceleration_rad_per_s2,
        qddd_max=d.jerk_rad_per_s3,
        stream_jerk_rad_per_s3=d.stream_jerk_rad_per_s3,
        near_stops=near_stops,
        brake_rad_per_s2=d.braking_rad_per_s2,
        tau_max=_fixed([s.effort_nm for s in segments]),
        q_home=d.home_rad,
        wraps=np.array([s.continuous for s in segments]),
        T_flange_ft=_fixed(T_flange_ft),
        T_ft_probe=_fixed(T_ft_probe),
        probe_mass_kg=probe_body.mass_kg,
        p_ft_com=_fixed(T_ft_probe[:3, :3] @ probe_body.p_com + T_ft_probe[:3, 3]),
        segments=segments,
        capsules=read_capsules(urdf, chain),
        T_last_probe=T_last_probe,
        _T_probe_flange=inverse(T_flange_ft @ T_ft_probe),
        _T_probe_ft=inverse(T_ft_probe),
    )


def _fixed(values: Any) -> Array:
    out = np.array(values, dtype=float)
    out.setflags(write=False)
    return out
