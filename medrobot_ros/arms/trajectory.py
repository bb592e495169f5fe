"""Free motion in joint space from corner to corner by Ruckig, within velocity, acceleration and jerk limits.

Ruckig moves along the way, from 0 to 1, so that the joints are always on the straight line that was found to be free, also
while they brake. The arm rests at each corner. Where an arm may only go slowly near its stops, the whole motion is stretched in time.
"""

from collections.abc import Sequence

import numpy as np
from ruckig import ControlInterface, InputParameter, OutputParameter, Result, Ruckig, RuckigError, Trajectory

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.speed import SpeedLimits
from medrobot_ros.signals import Array

JERK_SHARES = (1.0, 0.99, 0.9)
SAMPLES, MARGIN = 21, 0.95  # of a way, where the speed of the whole arm is looked at; the margin covers what lies between
MOMENTS = 100  # of a motion, at which the velocity limits near the stops are looked at
STANDING_RAD = 1e-9  # a way shorter than this is none


class FreeMotion:
    """One motion at a time, in steps of `period_s` [s], no point of the arm faster than `limits` allow where it is.

    Joint arrays have shape (n,).
    """

    def __init__(self, model: ArmModel, period_s: float, limits: SpeedLimits | None = None) -> None:
        self._model, self._limits = model, limits
        self._acceleration = np.minimum(model.qdd_max, model.brake_rad_per_s2)
        self._generator = Ruckig(1, period_s)
        self._in, self._out = InputParameter(1), OutputParameter(1)
        self._q_begin = self._way = np.zeros(model.n)
        self._jerk = 0.0
        self._corners: list[Array] = []

    def start(self, q: Array, corners: Sequence[Array]) -> None:
        """Begins a motion from rest at `q` [rad] by the corners to rest at the last."""
        self._corners = list(corners)
        self._to_next_corner(q)

    def brake(self) -> None:
        """Begins a stop on the way under way, wherever that ends."""
        self._corners = []
        self._take_full_limits()
        self._in.control_interface = ControlInterface.Velocity
        self._generator.reset()

    def _to_next_corner(self, q: Array) -> None:
        self._q_begin, self._way = q, self._corners.pop(0) - q
        self._in.control_interface = ControlInterface.Position
        self._in.current_position = self._in.current_velocity = self._in.current_acceleration = [0.0]
        self._in.target_position, self._in.target_velocity = [1.0], [0.0]
        self._in.max_velocity = [self._share_of_speed() * float(np.min(self._model.qd_max / self._length()))]
        self._take_full_limits()
        if np.isfinite(self._model.near_stops.slope_rad_per_s2).any():
            self._stretch(self._excess_near_stops())
        self._generator.reset()

    def _length(self) -> Array:
        return np.maximum(np.abs(self._way), STANDING_RAD)

    def _take_full_limits(self) -> None:
        self._in.max_acceleration = [float(np.min(self._acceleration / self._length()))]
        self._jerk = float(np.min(self._model.qddd_max / self._length()))

    def _excess_near_stops(self) -> float:
        """How many times too fast a joint gets for where it is, at the worst moment of the motion."""
        motion = Trajectory(1)
        self._in.max_jerk = [self._jerk]
        self._generator.calculate(self._in, motion)
        most = 0.0
        for t in np.linspace(0.0, motion.duration, MOMENTS):
            share, rate = (x[0] for x in motion.at_time(t)[:2])
            low, high = self._model.velocity_limits(self._q_begin + share * self._way)
            qd = rate * self._way
            allowed = np.where(qd > 0.0, high, -low)
            most = max(most, float(np.max(np.abs(qd) / np.maximum(allowed, STANDING_RAD))))
        return most / MARGIN

    def _stretch(self, times: float) -> None:
        """The same motion, taking so many times as long."""
        if times > 1.0:
            self._in.max_velocity = [self._in.max_velocity[0] / times]
            self._in.max_acceleration = [self._in.max_acceleration[0] / times**2]
            self._jerk /= times**3

    def _share_of_speed(self) -> float:
        """The share of the joint speeds at which every point of the arm keeps its own limit, all along the way."""
        if self._limits is None:
            return 1.0
        duration_s = max(float(np.max(np.abs(self._way) / self._model.qd_max)), STANDING_RAD)  # at full speed
        qd, between_s = self._way / duration_s, duration_s / (SAMPLES - 1)
        places = (self._q_begin + share * self._way for share in np.linspace(0.0, 1.0, SAMPLES))
        most = max(self._limits.share(q, qd, between_s) for q in places)
        return min(1.0, MARGIN / max(most, STANDING_RAD))

    def go_on_from(self, q: Array, qd: Array) -> bool:
        """Goes on from another state than the last step's, because a clamp sent that instead; False where it left the way."""
        square = max(float(self._way @ self._way), STANDING_RAD**2)
        share = float((q - self._q_begin) @ self._way) / square
        self._in.current_position, self._in.current_velocity = [share], [float(qd @ self._way) / square]
        self._in.current_acceleration = [0.0]
        return bool(np.abs(self._q_begin + share * self._way - q).max() < STANDING_RAD)

    def step(self) -> tuple[Array, bool] | None:
        """The next `q` and whether it is the last; None where no trajectory leads on."""
        result = self._update()
        if result not in (Result.Working, Result.Finished):
            return None
        self._out.pass_to_input(self._in)
        q, ended = self._q_begin + self._out.new_position[0] * self._way, result == Result.Finished
        if ended and self._corners:
            self._to_next_corner(q)
            ended = False
        return q, ended

    def _update(self) -> Result:
        """Ruckig finds nothing where two of its profiles meet exactly, and then a solution just beside."""
        for share in JERK_SHARES:
            self._in.max_jerk = [share * self._jerk]
            try:
                return self._generator.update(self._in, self._out)
            except RuckigError:
                continue
        return Result.Error
