"""What the joints say, checked: finite, whole, in order, and without the encoders' jumps by a turn."""

from math import inf

import numpy as np

from medrobot_ros.arms.model import ArmModel
from medrobot_ros.geometry.finite import all_finite
from medrobot_ros.signals import Array, JointState
from medrobot_ros.stage import InOrder


class JointReading:
    """The newest good joint state; `q` [rad], `qd` [rad/s] and `tau`, shape (n,), once there is one."""

    def __init__(self, model: ArmModel) -> None:
        self._model = model
        self.stamp_ns: int | None = None
        self._order = InOrder()
        self.q: Array = model.q_home
        self.qd: Array = np.zeros(model.n)
        self.tau: Array | None = None  # [Nm]; None where the driver tells none

    def take(self, state: JointState) -> tuple[str, str]:
        """Takes a state, or names the fault (kind, detail) for which it is ignored; ('', '') is good."""
        shape = (self._model.n,)
        if state.q.shape != shape or state.qd.shape != shape:
            return "bad_joint_state", f"{state.q.size} positions, {state.qd.size} velocities for {self._model.n} joints"
        if not (all_finite(state.q) and all_finite(state.qd)):
            return "bad_joint_state", "not finite"
        if late_ns := self._order.late_ns(state.stamp_ns):
            return "stale_joint_state", f"{1e-6 * late_ns:.1f} ms older than the last"
        self.q = state.q if self.stamp_ns is None else self._model.nearest_turn(state.q, self.q)
        self.stamp_ns, self.qd = state.stamp_ns, state.qd
        told = state.tau.shape == shape and 0.0 < state.tau.dot(state.tau) < inf  # zeros are a driver's that tells none
        self.tau = state.tau if told else None
        return "", ""
