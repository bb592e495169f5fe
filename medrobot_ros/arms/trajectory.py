"""Free motion in joint space by Ruckig: velocity, acceleration and jerk limits, all joints arriving together."""

from math import inf

import numpy as np
from ruckig import ControlInterface, InputParameter, OutputParameter, Result, Ruckig, RuckigError, Synchronization

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.signals import Array

JERK_SHARES = (1.0, 0.99, 0.9)
TIP_SAMPLES, TIP_MARGIN = 21, 0.95  # the margin covers what lies between the samples


class FreeMotion:
    """One motion at a time, in steps of `period_s` [s], the probe's tip no faster than `tip_speed_m_per_s`.

    Joint arrays have shape (n,).
    """

    def __init__(self, model: ArmModel, period_s: float, tip_speed_m_per_s: float = inf) -> None:
        self._model, self._tip_speed_m_per_s = model, tip_speed_m_per_s
        self._generator = Ruckig(model.n, period_s)
        self._in, self._out = InputParameter(model.n), OutputParameter(model.n)
        self._in.max_acceleration = np.minimum(model.qdd_max, model.brake_rad_per_s2).tolist()
        self._jerk = model.qddd_max

    def start(self, q: Array, qd: Array, q_goal: Array) -> None:
        """Begins a motion from `q` [rad] at `qd` [rad/s] to rest at `q_goal`."""
        self._in.control_interface = ControlInterface.Position
        self._in.synchronization = Synchronization.Phase
        self._in.target_position = q_goal.tolist()
        self._from(q, qd, self._share_of_speed(q, q_goal))

    def brake(self, q: Array, qd: Array) -> None:
        """Begins a stop from `q` at `qd`, wherever that ends."""
        self._in.control_interface = ControlInterface.Velocity
        self._in.synchronization = Synchronization.Phase
        self._from(q, qd, 1.0)

    def _share_of_speed(self, q: Array, q_goal: Array) -> float:
        """The share of the joint speeds at which the tip keeps its own, all along the straight way in joint space."""
        way = q_goal - q
        rate = float(
            np.min(self._model.qd_max / np.maximum(np.abs(way), 1e-9))
        )  # of the way in a second, at full speed
        places = (q + share * way for share in np.linspace(0.0, 1.0, TIP_SAMPLES))
        fastest = max(float(np.linalg.norm(self._model.jacobian_probe(p)[:3] @ way)) for p in places) * rate
        return min(1.0, TIP_MARGIN * self._tip_speed_m_per_s / max(fastest, 1e-9))

    def _from(self, q: Array, qd: Array, share_of_speed: float) -> None:
        self._in.max_velocity = (share_of_speed * self._model.qd_max).tolist()
        self.go_on_from(q, qd)
        self._in.target_velocity = self._in.target_acceleration = [0.0] * len(q)
        self._generator.reset()

    def go_on_from(self, q: Array, qd: Array) -> None:
        """Goes on from another state than the last step's, because a clamp sent that instead."""
        self._in.current_position, self._in.current_velocity = q.tolist(), qd.tolist()
        self._in.current_acceleration = [0.0] * len(q)

    def step(self) -> tuple[Array, bool] | None:
        """The next `q` and whether it is the last; None where no trajectory leads on."""
        result = self._update()
        if result not in (Result.Working, Result.Finished):
            return None
        self._out.pass_to_input(self._in)
        return np.array(self._out.new_position), result == Result.Finished

    def _update(self) -> Result:
        """Ruckig finds nothing where two of its profiles meet exactly, and then a solution just beside."""
        for share in JERK_SHARES:
            self._in.max_jerk = (share * self._jerk).tolist()
            try:
                return self._generator.update(self._in, self._out)
            except RuckigError:
                continue
        return Result.Error
