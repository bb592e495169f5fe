"""The steps of an examination, as leaves of a py_trees tree. Each asks once, then watches until it is done or too late."""

from math import inf

import numpy as np
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import angle_between, inverse, pose, rotation_from_vector
from medrobot_ros.geometry.reference import reference_spheres
from medrobot_ros.planning.board import CLOUD_MEMORY, Board
from medrobot_ros.planning.camera_check import MAX_ERROR_M, camera_error
from medrobot_ros.planning.path import CoverageMap, plan_raster, planned_points, runs_of, timed
from medrobot_ros.planning.probe_check import TILT_RAD, probe_fault
from medrobot_ros.planning.surface import FoundPatient, Torso, find_again, find_patient, torso_in
from medrobot_ros.signals import Array, ContactStatus, ScanReference

# How old an input may be before the arm first moves [s]: three of its periods, and a second for whoever starts late.
MAX_AGE_S = {
    "probe/pose": 1.0, "contact/state": 1.0, "motion/state": 1.0, "image/quality": 1.0, "surface": 4.0, "safety/state": 4.0,
    "hardware/state": 4.0,
}  # fmt: skip
HOME_TOLERANCE_M, HOME_TOLERANCE_RAD = 0.003, 0.01
SURFACE_TOLERANCE_M = 0.02  # between the seen skin and where touch is felt: breath, indentation, camera
CLEAR_M = 0.02  # nearer the skin than this, the arm lifts before it does anything else
DONE = "done"


class Step(Behaviour):  # type: ignore[misc]
    """A step with a phase and a time limit. `begin` asks; `advance` returns 'done', '' to go on, or a failure's reason."""

    phase = ""
    timeout_s = 30.0

    def __init__(self, board: Board) -> None:
        super().__init__(type(self).__name__.lower())
        self.board = board
        self._since_ns = 0

    def initialise(self) -> None:
        """py_trees calls this when the step begins."""
        self.board.phase = self.phase or self.board.phase
        self._since_ns = self.board.now_ns
        self.begin()

    def update(self) -> Status:
        """py_trees calls this every tick."""
        result = self.advance()
        if not result and self.elapsed_s > self.timeout_s:
            result = f"{self.name}: not done within {self.timeout_s:g} s{self.lacks()}"
        if result == DONE:
            return Status.SUCCESS
        if result:
            self.board.failure = result
            return Status.FAILURE
        return Status.RUNNING

    @property
    def elapsed_s(self) -> float:
        """Since the step began."""
        return 1e-9 * (self.board.now_ns - self._since_ns)

    def answer(self, mode: str) -> ContactStatus | None:
        """Contact's status since this step asked for `mode`."""
        contact = self.board.contact
        return contact if contact is not None and contact.stamp_ns >= self._since_ns and contact.mode == mode else None

    def begin(self) -> None:
        """Asks for what the step is about."""

    def advance(self) -> str:
        """Watches."""
        raise NotImplementedError

    def lacks(self) -> str:
        """What it still waits for, for the message."""
        return ""


# --- before anything moves --------------------------------------------------------------------------------------------


class Check(Step):
    """Every input is there, the region is confirmed."""

    phase, timeout_s = "check", 10.0

    def advance(self) -> str:
        config = self.board.config
        if not (config.scan.confirmed or config.hardware.name == "mock"):
            return "the operator has not confirmed the region (scan.confirmed)"
        return "" if self._missing() else DONE

    def _missing(self) -> list[str]:
        late = [t for t, limit_s in MAX_AGE_S.items() if self.board.age_s(t) > limit_s]
        return late + ["image/geometry"] * (self.board.geometry is None)

    def lacks(self) -> str:
        return f": no {', '.join(self._missing())}"


class SeeSpheres(Step):
    """The depth camera sees the reference spheres where they are, so its place in base is the believed one."""

    phase, timeout_s = "check", 5.0

    def advance(self) -> str:
        config, clouds = self.board.config, self.board.clouds
        if not clouds:
            return ""
        try:
            spheres = reference_spheres(config.body, config.camera)
            error_m = camera_error(clouds[-1].points, spheres, config.camera.sphere_radius_m)
        except DataError as e:
            return str(e)
        if error_m > MAX_ERROR_M:
            off_mm, limit_mm = 1e3 * error_m, 1e3 * MAX_ERROR_M
            return f"a reference sphere is seen {off_mm:.1f} mm from where it is, more than {limit_mm:g} mm: calibrate camera to base"
        return DONE


# --- free motions -----------------------------------------------------------------------------------------------------


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


# --- the probe's weight -----------------------------------------------------------------------------------------------


class Tare(Step):
    """Takes the wrench in this pose as zero."""

    timeout_s = 8.0

    def begin(self) -> None:
        self.board.ask_contact("tare")

    def advance(self) -> str:
        contact = self.answer("tare")
        if contact is None:
            return ""
        if contact.reason.startswith(("tare refused", "no tare")):
            return contact.reason
        return DONE if contact.tared else ""


class FirstTare(Tare):
    """The one before the probe is weighed."""

    phase = "check"


class Weigh(Step):
    """In another orientation the compensated wrench must still be zero: mass and centre of mass are as configured."""

    WINDOW_S = 0.3
    phase, timeout_s = "check", 3.0

    def begin(self) -> None:
        self._samples: list[Array] = []

    def advance(self) -> str:
        wrench = self.board.wrench
        if wrench is not None and wrench.stamp_ns >= self._since_ns:
            self._samples.append(wrench.F)
        if self.elapsed_s < self.WINDOW_S or not self._samples:
            return ""
        R_tared, R_tilted = self.board.T_base_home[:3, :3], self.board.poses[-1].T_base_probe[:3, :3]
        return probe_fault(np.mean(self._samples, axis=0), R_tared, R_tilted) or DONE


# --- where the patient is ---------------------------------------------------------------------------------------------


class Find(Step):
    """Finds the patient in the clouds of more than a breath, taken one a tick."""

    phase, timeout_s = "find", 20.0

    def begin(self) -> None:
        board = self.board
        self._torsos: list[Torso] = []
        self._next_ns = board.began_ns if board.found is None else board.now_ns

    def advance(self) -> str:
        board = self.board
        cloud = next((c for c in board.clouds if c.stamp_ns >= self._next_ns), None)
        try:
            if cloud is not None:
                self._next_ns = cloud.stamp_ns + 1
                self._torsos.append(torso_in(cloud))
            if len(self._torsos) < CLOUD_MEMORY:
                return ""
            before = board.found
            board.found = self._found() if before is None else find_again(before, self._torsos)
        except DataError as e:
            return str(e)
        if before is not None and board.coverage is not None and board.found.moved_m(before) > board.config.scan.shift_pause_m:
            board.coverage.forget(board.still_ns)
        board.still_ns = board.now_ns
        return DONE

    def _found(self) -> FoundPatient:
        return find_patient(self._torsos, self.board.config.body.yaw_rad)

    def lacks(self) -> str:
        return f": {len(self._torsos)} of {CLOUD_MEMORY} point clouds came"


class Plan(Step):
    """Lays the raster; keeps what was covered when the patient was found again."""

    phase = "plan"

    def advance(self) -> str:
        board = self.board
        assert board.found is not None and board.geometry is not None
        try:
            board.raster = plan_raster(board.found, board.config.scan, board.geometry.aperture_m)
        except DataError as e:
            return str(e)
        points = planned_points(board.found, board.config.scan)
        if board.coverage is None:
            board.coverage = CoverageMap(points)
            board.passes = runs_of(list(range(len(board.raster.lines))))
        else:
            board.coverage.points = points
            board.passes = board.coverage.runs_to_repeat(board.raster)
        board.say("scan/path", timed(board.raster.T_base_probe, board.config.scan.speed_m_per_s, board.now_ns))
        return DONE


# --- one pass: a run of neighbouring lines in one contact -------------------------------------------------------------


class Next(Step):
    """Fails, without a reason, where no pass is left; a round of passes that left points uncovered is followed by repeats."""

    def update(self) -> Status:
        """A pass is there, or there is none left."""
        board = self.board
        assert board.coverage is not None and board.raster is not None
        if not board.passes and board.repeats < board.config.scan.max_repeats:
            board.passes = board.coverage.runs_to_repeat(board.raster)
            board.repeats += bool(board.passes)
        return Status.SUCCESS if board.passes and not board.contact_spent else Status.FAILURE


class Prepare(Tare):
    """Tares above the skin, while contact takes the path and the force."""

    def begin(self) -> None:
        super().begin()
        board = self.board
        assert board.raster is not None
        self._reference: ScanReference = timed(board.raster.poses_of(*board.passes[0]), board.config.scan.speed_m_per_s, board.now_ns)
        board.say("scan/reference", self._reference)
        board.ask_force()

    def advance(self) -> str:
        result = super().advance()
        if result != DONE:
            return result
        contact = self.board.contact
        return DONE if contact is not None and contact.reference_id == self._reference.reference_id else ""


class Touching(Step):
    """A step on the skin, which contact may give up by itself."""

    def given_up(self, contact: ContactStatus) -> bool:
        """Whether it has; its reason is kept."""
        left = contact.state in ("retreat", "free")
        self.board.trouble = contact.reason if left and contact.reason else self.board.trouble
        return left


class Approach(Touching):
    """Along the beam to the skin, and seated there. Contact that is not found ends the pass, not the examination."""

    phase, timeout_s = "approach", 25.0

    def begin(self) -> None:
        self._touches, self._touched_m = False, inf
        self.board.ask_contact("approach")

    def advance(self) -> str:
        contact = self.answer("approach")
        if contact is None:
            return ""
        touched, self._touches = self._touches, contact.state == "seat"
        if self._touches and not touched:
            self.board.phase, self._touched_m = "seat", self._beyond_seen_m()
        if contact.reason == "seated":  # what was touched bears the probe
            return self._misplaced() or DONE
        return DONE if self.given_up(contact) else ""

    def _beyond_seen_m(self) -> float:
        """How far along the beam the probe is from the skin as it was seen [m]."""
        board = self.board
        assert board.raster is not None
        first = board.raster.poses_of(*board.passes[0])[0]
        return float((inverse(first) @ board.poses[-1].T_base_probe)[2, 3])

    def _misplaced(self) -> str:
        """Skin that is felt far from where it was seen, at the touch and where it bears the probe: a touch may be a jolt in the air."""
        off_m = min(self._touched_m, self._beyond_seen_m(), key=abs)
        if abs(off_m) <= SURFACE_TOLERANCE_M:
            return ""
        return f"touched {1e3 * off_m:+.0f} mm along the beam from where the skin was seen: is the tool point or the camera wrong?"


class Scan(Touching):
    """Along the path in contact, until its end, until contact gives up, or until the time in contact is spent."""

    phase, timeout_s = "scan", 1800.0

    def begin(self) -> None:
        board = self.board
        board.phase = "repeat" if board.repeats else "scan"
        self._asked = board.contact is not None and not self.given_up(board.contact)
        if self._asked:
            board.ask_contact("scan")

    def advance(self) -> str:
        if not self._asked or self.board.contact_spent:
            return DONE
        contact = self.answer("scan")
        return DONE if contact is not None and (self.given_up(contact) or contact.progress >= 1.0) else ""


class LiftOff(Step):
    """Off the skin, then the arm goes back to motion goals."""

    phase, timeout_s = "retreat", 15.0

    def begin(self) -> None:
        self.board.ask_contact("retreat")

    def advance(self) -> str:
        contact = self.answer("retreat")
        if contact is None or contact.state != "free":
            return ""
        self.board.ask_contact("off")
        return DONE


class PassDone(Step):
    """The pass was scanned as far as it went; what it left uncovered is for a repeat."""

    def advance(self) -> str:
        self.board.passes = self.board.passes[1:]
        return DONE
