"""One pass: a run of neighbouring lines in one contact."""

from math import inf

from py_trees.common import Status

from medrobot_ros.geometry.pose import inverse
from medrobot_ros.planning.path import timed
from medrobot_ros.planning.steps.step import DONE, Step
from medrobot_ros.planning.steps.weighing import Tare
from medrobot_ros.signals import ContactStatus, ScanReference

SURFACE_TOLERANCE_M = 0.02  # between the seen skin and where touch is felt: breath, indentation, camera


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
