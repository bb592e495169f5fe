"""The planner: a mode machine around a task tree.

The tree knows how an examination goes; the modes know whether it may. Pausing, a shifted patient, an abort and a safety stop
leave the tree; coming back grows a new one that finds the patient again and scans what is left. A shift pauses by itself and
goes on by itself, once the patient lies still: it is not a safety stop, after which only a person lets the task go on.
"""

from typing import Any

import numpy as np
from py_trees.common import Status
from py_trees.composites import Sequence
from py_trees.decorators import Decorator

from medrobot_ros.config import CellConfig
from medrobot_ros.errors import DataError
from medrobot_ros.planning import modes, spline, steps
from medrobot_ros.planning.board import Board
from medrobot_ros.planning.surface import Shift, shift_since
from medrobot_ros.signals import PUSHED_AWAY, Array, Stamp
from medrobot_ros.stage import EventLog, Outputs

STATUS_PERIOD_NS = 1_000_000_000
MARKERS_PERIOD_NS = 1_000_000_000
SHIFT_CLOUDS = 2  # in a row that must show a shift, and that must agree before the scan goes on
STEADY_M = 0.005
STEADY_LIMIT_NS = 60_000_000_000
SERVICES = (modes.START, modes.PAUSE, modes.RESUME, modes.ABORT)


class PlannerStage:
    """Stage `planner`. `q_home` (n,) [rad] and `T_base_home` (4, 4) are the arm's home posture and where the probe is then."""

    name = "planner"
    rate_hz = 20.0

    def __init__(self, config: CellConfig, q_home: Array, T_base_home: Array) -> None:
        self.now_ns = 0
        self._events = EventLog(self.name)
        self._board = Board(config, q_home, T_base_home, self._events)
        self._mode, self._outcome, self._reason, self._ending = modes.IDLE, "", "", ""
        self._tree: Any = None
        self._shifts: list[Shift] = []
        self._by_shift = False
        self._paused_ns = self._cloud_ns = self._status_ns = self._markers_ns = 0
        self._stands: tuple[Any, ...] = ()
        self._shown: Array | None = None
        spline.load()

    # --- what arrives -------------------------------------------------------------------------------------------------

    def receive(self, topic: str, signal: Any) -> Outputs:
        """Stores for the next tick."""
        self._board.now_ns = max(self._board.now_ns, self.now_ns)
        self._board.store(topic, signal)
        return ()

    def call(self, service: str) -> tuple[bool, str]:
        """`task/start`, `pause`, `resume`, `abort`."""
        event = service.removeprefix("task/")
        if event not in SERVICES:
            return False, f"planner serves no '{service}'"
        safety = self._board.safety.state if self._board.safety is not None else "silent"
        if event in (modes.START, modes.RESUME) and safety != "ok":
            return False, f"safety is '{safety}'"
        if not self._on_event(event):
            return False, f"'{event}' is refused while {self._mode}"
        return True, self._mode

    def reconfigure(self, config: CellConfig) -> None:
        """Takes the settings that may change while it runs: the force reference, which contact ramps to."""
        self._board.config = config
        self._board.ask_force()

    # --- modes --------------------------------------------------------------------------------------------------------

    def _on_event(self, event: str, reason: str = "") -> bool:
        before, mode = self._mode, modes.next_mode(self._mode, event)
        if mode is None:
            return False
        self._mode = mode
        if reason:
            self._reason = reason
            self._events.add(self._board.now_ns, f"task_{event}", reason)
        if mode == modes.SCANNING:
            self._begin(again=before in (modes.PAUSED, modes.READY))
        elif mode == modes.PAUSED:
            self._pause(by_shift=event == modes.SHIFT)
        elif mode == modes.RETREATING:
            self._leave("aborted")
        elif mode == modes.STOPPED:
            self._tree, self._outcome, self._ending = None, "stopped", "stopped"
            self._board.ask_contact("off")
        elif mode == modes.CONCLUDED:
            self._tree, self._board.phase = None, "done"
        return True

    def _begin(self, again: bool) -> None:
        self._outcome = self._reason = self._ending = self._board.failure = ""
        self._shifts = []
        if again and self._board.raster is not None:
            self._grow(steps.Lift, steps.Home, steps.Find, steps.Plan, passes=True)
            return
        self._board.clear()
        self._grow(
            steps.Check, steps.SeeSpheres, steps.Home, steps.FirstTare, steps.Tilt, steps.Weigh, steps.Home, steps.Find,
            steps.Plan, passes=True,
        )  # fmt: skip

    def _pause(self, by_shift: bool) -> None:
        self._by_shift, self._shifts, self._paused_ns = by_shift, [], self._board.now_ns
        self._grow(steps.LiftOff)

    def _leave(self, ending: str) -> None:
        self._ending = self._ending or ending
        lift_off = (steps.LiftOff,) if self._board.engaged else ()
        self._grow(*lift_off, *((steps.Lift, steps.Return) if self._board.has_moved else ()))

    def _grow(self, *first: type[steps.Step], passes: bool = False) -> None:
        """A new tree: the steps in order, then, for a scan, pass after pass while there are any, then home."""
        root = Sequence("examination", memory=True)
        root.add_children([step(self._board) for step in first])
        if passes:
            one = Sequence("pass", memory=True)
            each = (steps.Next, steps.Above, steps.Prepare, steps.Approach, steps.Scan, steps.LiftOff, steps.PassDone)
            one.add_children([step(self._board) for step in each])
            root.add_children([_WhileAny(one, self._board), steps.Return(self._board)])
        self._tree = root

    # --- time ---------------------------------------------------------------------------------------------------------

    def tick(self, stamp_ns: int) -> Outputs:
        """One turn of the tree, and what is to be published."""
        board = self._board
        board.now_ns = self.now_ns = stamp_ns
        self._watch_safety()
        self._watch_patient()
        self._watch_gel()
        self._watch_hand()
        if board.touching:
            board.contact_s += 1.0 / self.rate_hz
        self._advance()
        out, board.outputs = board.outputs, []
        out.append(("heartbeat", Stamp(stamp_ns, self.name)))
        out += self._events.drain(stamp_ns)
        return out + self._markers() + self._status()

    def _advance(self) -> None:
        if self._tree is None:
            return
        self._tree.tick_once()
        if self._tree.status == Status.RUNNING:
            return
        failed, self._tree = self._tree.status == Status.FAILURE, None
        if self._mode == modes.RETREATING:
            self._conclude(self._ending, self._reason)
        elif failed:
            self._reject(self._board.failure)
        elif self._mode == modes.SCANNING:
            self._judge()

    def _judge(self) -> None:
        """The examination went to its end: was enough of the region seen?"""
        coverage, needed = self._board.coverage, self._board.config.scan.min_coverage
        assert coverage is not None
        if coverage.share >= needed:
            self._conclude("accepted", "")
            return
        spent = f"{self._board.config.scan.max_contact_s:g} s in contact were over" if self._board.contact_spent else ""
        verdict = f"coverage {100 * coverage.share:.1f} % of the {100 * needed:g} % needed"
        self._conclude("rejected", "; ".join(t for t in (verdict, spent, self._board.trouble) if t))

    def _reject(self, reason: str) -> None:
        """Retreats, then concludes."""
        self._ending = "rejected"
        self._on_event(modes.ABORT, reason)

    def _conclude(self, outcome: str, reason: str) -> None:
        self._on_event(modes.DONE)
        self._outcome, self._reason = outcome, reason

    def _watch_safety(self) -> None:
        safety = self._board.safety
        if safety is None:
            return
        if safety.state == "stopped":
            self._on_event(modes.SAFETY_STOP, "; ".join(safety.reasons) or "safety stop")
        elif safety.state == "ok":
            self._on_event(modes.RESET)
        elif safety.state == "retreat" and self._tree is not None:
            self._tree = None
            self._board.ask_contact("retreat")

    # --- a patient who moves ------------------------------------------------------------------------------------------

    def _watch_patient(self) -> None:
        """A shift that clouds in a row agree on pauses the scan; clouds that agree with each other let it go on."""
        waiting = self._mode == modes.PAUSED and self._by_shift and self._tree is None
        watching = self._mode == modes.SCANNING and self._board.engaged
        if not (waiting or watching):
            self._shifts = []
            return
        if waiting and self._board.now_ns - self._paused_ns > STEADY_LIMIT_NS:
            self._reject(f"the patient does not lie still: {self._reason}")
        elif self._see_shift() and len(self._shifts) == SHIFT_CLOUDS:
            self._judge_shift(waiting)

    def _see_shift(self) -> bool:
        """Takes the newest cloud, unless it has been seen or shows no patient."""
        board = self._board
        if board.found is None or not board.clouds or board.clouds[-1].stamp_ns == self._cloud_ns:
            return False
        self._cloud_ns = board.clouds[-1].stamp_ns
        try:
            shift = shift_since(board.found, board.clouds[-1])
        except DataError as e:
            self._events.add(board.now_ns, "patient_not_seen", str(e))
            return False
        self._shifts = [*self._shifts, shift][-SHIFT_CLOUDS:]
        if shift.size_m <= board.config.scan.shift_pause_m:
            board.still_ns = self._cloud_ns
        return True

    def _judge_shift(self, waiting: bool) -> None:
        offsets = np.array([s.offset_m for s in self._shifts])
        left_m, cranial_m = offsets[-1]
        if waiting and np.ptp(offsets, axis=0).max() < STEADY_M:
            self._on_event(modes.STEADY)
        elif not waiting and min(s.size_m for s in self._shifts) > self._board.config.scan.shift_pause_m:
            self._on_event(modes.SHIFT, f"the patient moved {1e3 * left_m:+.0f} mm left, {1e3 * cranial_m:+.0f} mm cranial")

    # --- a probe without gel ------------------------------------------------------------------------------------------

    def _watch_gel(self) -> None:
        """A pressed probe that does not couple pauses the scan, and a person lets it go on."""
        why = self._board.gel.why
        if why and self._mode == modes.SCANNING:
            self._board.gel.clear()
            self._on_event(modes.PAUSE)
            self._reason = why
            self._events.add(self._board.now_ns, "gel_needed", why)

    # --- a hand that pushes the probe away ----------------------------------------------------------------------------

    def _watch_hand(self) -> None:
        """A probe that was pushed away lifts off by itself and does not come back before a person says so."""
        contact = self._board.contact
        if contact is not None and contact.reason == PUSHED_AWAY and self._mode == modes.SCANNING:
            self._on_event(modes.PAUSE)
            self._reason = PUSHED_AWAY
            self._events.add(self._board.now_ns, "pushed_away", PUSHED_AWAY)

    # --- what is shown ------------------------------------------------------------------------------------------------

    def _markers(self) -> list[tuple[str, Any]]:
        """The planned skin, when it has changed, at most once a second."""
        soon = self._board.now_ns - self._markers_ns < MARKERS_PERIOD_NS
        skin = None if soon else self._board.planned_skin()
        if skin is None:
            return []
        shown = np.column_stack((skin.points, skin.quality))
        if self._shown is not None and np.array_equal(shown, self._shown, equal_nan=True):
            return []
        self._markers_ns, self._shown = skin.stamp_ns, shown
        return [("scan/markers", skin)]

    def _status(self) -> list[tuple[str, Any]]:
        """On change of what is worth saying at once, and at 1 Hz."""
        board = self._board
        stands = (self._mode, board.phase, self._outcome, board.repeats, self._reason)
        if stands == self._stands and board.now_ns - self._status_ns < STATUS_PERIOD_NS:
            return []
        self._stands, self._status_ns = stands, board.now_ns
        return [("task/state", board.status(self._mode, self._outcome, self._reason))]


class _WhileAny(Decorator):  # type: ignore[misc]
    """Does pass after pass; ends well where none is left, and badly where a step failed with a reason."""

    def __init__(self, child: Any, board: Board) -> None:
        super().__init__("passes", child)
        self._board = board

    def update(self) -> Status:
        """py_trees calls this every tick."""
        if self.decorated.status == Status.FAILURE:
            return Status.FAILURE if self._board.failure else Status.SUCCESS
        return Status.RUNNING
