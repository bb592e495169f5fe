"""Free motions, to joints or to a pose of the probe."""

import numpy as np

from medrobot_ros.geometry.pose import angle_between, pose, rotation_from_vector
from medrobot_ros.planning.probe_check import TILT_RAD
from medrobot_ros.planning.steps.step import DONE, Step
from medrobot_ros.signals import Array

HOME_TOLERANCE_M, HOME_TOLERANCE_RAD = 0.003, 0.01
CLEAR_M = 0.02  # nearer the skin than this, the arm lifts before it does anything else


class Motion(Step):
    """A free motion to joints or to a probe pose."""

    timeout_s = 40.0

    def goal(self) -> str:
        """Asks for the motion; returns the goal's id, or '' where no motion is needed."""
        raise NotImplementedError

    def begin(self) -> None:
        self.board.ask_contact("off")
        self._goal_id: str | None = None

    def advance(self) -> str:
        if self._goal_id is None:  # a tick later than the mode, which has to arrive first
            if self.board.now_ns > self._since_ns:
                self._goal_id = self.goal()
            return ""
        motion = self.board.motion
        if not self._goal_id:
            return DONE
        if motion is None or motion.goal_id != self._goal_id or motion.result == "moving":
            return ""
        return DONE if motion.result == "reached" else f"{self.name}: motion {motion.result}: {motion.reason}"


class Lift(Motion):
    """Away from the skin, along the beam, where a stop has left the probe on it."""

    phase, timeout_s = "retreat", 15.0

    def goal(self) -> str:
        board = self.board
        T = board.poses[-1].T_base_probe
        if board.found is None or board.found.above_skin_m(T[:3, 3]) > CLEAR_M:
            return ""
        return board.ask_motion(T_base_probe=T @ along_beam(-board.config.contact.retreat_m))


class Home(Motion):
    """To the home posture, and the arm must be where it says."""

    phase = "home"

    def goal(self) -> str:
        return self.board.ask_motion(q=self.board.q_home)

    def advance(self) -> str:
        result = super().advance()
        if result != DONE:
            return result
        T, T_home = self.board.poses[-1].T_base_probe, self.board.T_base_home
        off_m = float(np.linalg.norm(T[:3, 3] - T_home[:3, 3]))
        off_rad = angle_between(T[:3, 2], T_home[:3, 2])
        if off_m > HOME_TOLERANCE_M or off_rad > HOME_TOLERANCE_RAD:
            return f"the probe is {1e3 * off_m:.1f} mm and {np.degrees(off_rad):.2f} deg from where home should be"
        return DONE


class Return(Home):
    """Home again, at the end."""

    phase = "return"


class Tilt(Motion):
    """Turns the probe where it hangs, so that its weight shows."""

    phase = "check"

    def goal(self) -> str:
        turn = pose(rotation_from_vector(np.array([TILT_RAD, 0.0, 0.0])), np.zeros(3))
        return self.board.ask_motion(T_base_probe=self.board.T_base_home @ turn)


class Above(Motion):
    """To the standoff above the first pose of the pass."""

    phase = "move"

    def goal(self) -> str:
        board = self.board
        assert board.raster is not None
        first = board.raster.poses_of(*board.passes[0])[0]
        return board.ask_motion(T_base_probe=first @ along_beam(-board.config.scan.standoff_m))


def along_beam(distance_m: float) -> Array:
    """A step (4, 4) along the probe's z axis."""
    return pose(np.eye(3), np.array([0.0, 0.0, distance_m]))
