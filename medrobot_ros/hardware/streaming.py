"""How a stream of joint positions reaches a driver, so that silence always ends at rest.

A trajectory controller is given short trajectories, each of which ends at rest: when the stream dies, the arm decelerates by itself.
A position controller holds the last position: when the stream dies, the cell decelerates it, step by step.
"""

from typing import Protocol

import numpy as np

from medrobot_ros.hardware.vendor import POSITIONS, TRAJECTORY, CommandTopic
from medrobot_ros.safety.braking import braked
from medrobot_ros.signals import Array, JointCommand, JointTrajectory
from medrobot_ros.stage import NOTHING, Outputs

SLACK = 1.05  # of a joint's speed and acceleration: a command stream's rounding is no offence


class Stream(Protocol):
    """`qd` (n,) [rad/s] is what the arm was last told to move at."""

    qd: Array

    def begin(self, q: Array) -> None:
        """Starts at rest at `q` (n,)."""
        ...

    def send(self, stamp_ns: int, q: Array, period_s: float) -> Outputs:
        """The next position, `period_s` after the last."""
        ...

    def brake(self, stamp_ns: int, period_s: float) -> Outputs:
        """A period of deceleration; nothing once the arm has been told to rest."""
        ...


class TrajectoryStream:
    """To `joint_trajectory_controller`: each message leads `horizon_s` ahead to the position asked for and from there to rest."""

    def __init__(self, topic: CommandTopic, brake_rad_per_s2: Array) -> None:
        self._horizon_s, self._rate_hz, self._brake = topic.horizon_s, topic.rate_hz, brake_rad_per_s2
        self.qd = np.zeros_like(brake_rad_per_s2)
        self._q = np.zeros_like(brake_rad_per_s2)
        self._sent_ns: int | None = None

    def begin(self, q: Array) -> None:
        """Starts at rest at `q` (n,)."""
        self._q, self.qd, self._sent_ns = q.copy(), np.zeros_like(q), None

    def send(self, stamp_ns: int, q: Array, period_s: float) -> Outputs:
        """The next position; a message goes out at the controller's own rate, with the mean speed since the one before."""
        elapsed_s = period_s if self._sent_ns is None else 1e-9 * (stamp_ns - self._sent_ns)
        if self._sent_ns is not None and elapsed_s < 0.9 / self._rate_hz:
            return NOTHING
        self.qd, self._q, self._sent_ns = (q - self._q) / elapsed_s, q.copy(), stamp_ns
        still, stop_s = np.zeros_like(q), float(np.max(np.abs(self.qd) / self._brake))
        if stop_s < period_s:
            return [(TRAJECTORY, JointTrajectory(stamp_ns, np.array([self._horizon_s]), q[None], still[None]))]
        times = np.array([self._horizon_s, self._horizon_s + stop_s])
        rest = q + 0.5 * self.qd * stop_s
        return [(TRAJECTORY, JointTrajectory(stamp_ns, times, np.array([q, rest]), np.array([self.qd, still])))]

    def brake(self, stamp_ns: int, period_s: float) -> Outputs:
        """Nothing: the last trajectory ends at rest."""
        self.qd = np.zeros_like(self.qd)
        return NOTHING


class PositionStream:
    """To `forward_position_controller`, which has no timeout."""

    def __init__(self, topic: CommandTopic, brake_rad_per_s2: Array) -> None:
        self._brake = brake_rad_per_s2
        self.qd = np.zeros_like(brake_rad_per_s2)
        self._q = np.zeros_like(brake_rad_per_s2)

    def begin(self, q: Array) -> None:
        """Starts at rest at `q` (n,)."""
        self._q, self.qd = q.copy(), np.zeros_like(q)

    def send(self, stamp_ns: int, q: Array, period_s: float) -> Outputs:
        """The next position."""
        self.qd, self._q = (q - self._q) / period_s, q.copy()
        return [(POSITIONS, JointCommand(stamp_ns, q))]

    def brake(self, stamp_ns: int, period_s: float) -> Outputs:
        """One step of deceleration."""
        if not self.qd.any():
            return NOTHING
        self.qd = braked(self.qd, self._brake, period_s)
        self._q = self._q + self.qd * period_s
        return [(POSITIONS, JointCommand(stamp_ns, self._q))]


def make_stream(topic: CommandTopic, brake_rad_per_s2: Array) -> Stream:
    """The stream that a driver's command topic wants."""
    return (TrajectoryStream if topic.kind == "trajectory" else PositionStream)(topic, brake_rad_per_s2)
