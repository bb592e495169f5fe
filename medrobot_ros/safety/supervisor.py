"""The supervisor: issues the permit to move while everything it watches is alive and within bounds.

It judges by what arrives, on its own clock. A fault off the control path lets contact retreat first; one on the control
path, or a person's stop, takes the permit away at once. A stop latches until a person resets it; against a patient who then presses hard,
for it holds its place, the guard may lift the arm off. A supervisor that stood for long, or was made anew while a task was under way,
begins with a stop: the arm has braked meanwhile, and nothing goes on by itself.

The raw wrench is watched through contact, whose heartbeat ends when no good wrench arrives: each listener at the control rate costs
every process on the machine, so there are few.
"""

from operator import le
from typing import Any

import numpy as np

from medrobot_ros.config import SafetySection
from medrobot_ros.geometry.finite import all_finite
from medrobot_ros.interfaces import CONTROL_PATH
from medrobot_ros.safety.permit import RELIEF, RELIEVED_SHARE, permit_source
from medrobot_ros.safety.reasons import Reason
from medrobot_ros.signals import Array, ContactStatus, JointState, SafetyStatus, Stamp, StopRequest, TaskStatus, Wrench, active_node
from medrobot_ros.stage import EventLog, Outputs

TICK_NS = 10_000_000
STATE_PERIOD_NS = 1_000_000_000
POSITION_SLACK_RAD = 0.02  # a servo's overshoot beyond a limit is no fault
SPEED_SLACK = 1.2
NO_TASK = ("idle", "concluded")  # modes in which nothing is under way


class Supervisor:
    """Stage `safety`. `required` names the nodes whose heartbeats it waits for and watches; a retreat beyond `retreat_s` is a stop."""

    name = "safety"
    rate_hz = 1e9 / TICK_NS
    sampled = ("joint_states",)

    def __init__(
        self, config: SafetySection, required: tuple[str, ...], q_lower: Array, q_upper: Array, qd_max: Array, retreat_s: float
    ) -> None:
        self._config, self._required = config, tuple(n for n in required if n != self.name)
        speed = SPEED_SLACK * qd_max
        self._q_range = (q_lower - POSITION_SLACK_RAD).tolist(), (q_upper + POSITION_SLACK_RAD).tolist()
        self._qd_range = (-speed).tolist(), speed.tolist()
        self._events = EventLog(self.name)
        self.now_ns = 0
        self._ticked_ns: int | None = None
        self._task_mode = "" if "planner" in required else NO_TASK[0]  # not known yet
        self._heard_ns: dict[str, int] = {}
        self._inactive: set[str] = set()
        self._felt_ns: int | None = None
        self._state, self._epoch = "starting", 0
        self._reasons: tuple[str, ...] = ()
        self._retreat_ns = self._published_ns = 0
        self._changed = True
        self._contact_state, self._lifting_ns, self._longest_ns = "", 0, round(1e9 * retreat_s)
        self._pressed_n, self._relieving = 0.0, False

    # --- what arrives -------------------------------------------------------------------------------------------------

    def receive(self, topic: str, signal: Any) -> Outputs:
        """Stores arrivals; bounds are judged at once, silence at the next tick. What a node measures is a sign of its life as well."""
        if topic == "heartbeat":
            self._on_heartbeat(*active_node(signal.source))
        elif topic == "joint_states":
            self._judge_joints(signal)
        elif topic == "contact/wrench":
            self._heard_ns["contact"] = self._felt_ns = self.now_ns
            self._judge_force(signal)
        elif topic == "contact/state" and isinstance(signal, ContactStatus):
            if signal.state == "retreat" != self._contact_state:
                self._lifting_ns = self.now_ns
            self._contact_state = signal.state
        elif topic == "task/state" and isinstance(signal, TaskStatus):
            self._task_mode = signal.mode
        elif topic == "safety/stop" and signal.stop:
            self._stop(Reason.STOP_REQUESTED.filled())
        return ()

    def _on_heartbeat(self, node: str, works: bool) -> None:
        if works:
            self._heard_ns[node] = self.now_ns
            self._inactive.discard(node)
        elif node in self._required:
            self._inactive.add(node)
            if self._state not in ("starting", "stopped"):
                self._lose(node, Reason.NOT_ACTIVE.filled(node=node))

    def _lose(self, node: str, reason: str) -> None:
        """Without a node of the control path nothing can retreat; without another the arm does so first."""
        (self._stop if node in (*CONTROL_PATH, "joint_states") else self._retreat)(reason)

    def _judge_joints(self, state: JointState) -> None:
        self._heard_ns["joint_states"] = self._heard_ns["hardware"] = self.now_ns
        q, qd = state.q.tolist(), state.qd.tolist()
        if _within(q, *self._q_range) and _within(qd, *self._qd_range):
            return  # and so they are numbers
        if not (all_finite(state.q) and all_finite(state.qd)):
            self._stop(Reason.NOT_FINITE.filled())
        elif not _within(q, *self._q_range):
            self._stop(Reason.POSITION_LIMIT.filled(joint=_first_beyond(q, *self._q_range)))
        else:
            self._stop(Reason.SPEED_LIMIT.filled(joint=_first_beyond(qd, *self._qd_range)))

    def _judge_force(self, wrench: Wrench) -> None:
        force_n, pull_n = float(np.linalg.norm(wrench.F[:3])), float(wrench.F[2])
        self._pressed_n = -pull_n
        if self._engaged and pull_n > self._config.pull_n:
            self._retreat(Reason.PULL.filled(pull_n=pull_n))
        if force_n > self._config.retract_n:
            self._retreat(Reason.HIGH_FORCE.filled(force_n=force_n, limit_n=self._config.retract_n))

    # --- what follows -------------------------------------------------------------------------------------------------

    def tick(self, stamp_ns: int) -> Outputs:
        """Judges silence, ends a retreat, and issues the permit."""
        if self._ticked_ns is None:
            self._epoch = self._ticked_ns = stamp_ns  # another than that of a supervisor before this one
        late_ns = stamp_ns - self._ticked_ns - 2 * TICK_NS
        self.now_ns = self._ticked_ns = stamp_ns
        if late_ns > 0:
            self._forgive(late_ns)
        if self._state == "starting":
            self._begin()
        elif self._state != "stopped":
            self._judge_silence()
        if self._state == "retreat":
            self._end_retreat()
        out: list[tuple[str, Any]] = [*self._events.drain(stamp_ns)]
        if self._state in ("ok", "retreat"):
            out.append(("safety/permit", Stamp(stamp_ns, permit_source(self._epoch))))
        elif self._state == "stopped" and self._relieves():
            out.append(("safety/permit", Stamp(stamp_ns, RELIEF)))
        if self._changed or stamp_ns - self._published_ns >= STATE_PERIOD_NS:
            out.append(("safety/state", SafetyStatus(stamp_ns, self._state, self._reasons)))
            if self._changed and self._state == "stopped":
                out.append(("safety/stop", StopRequest(True)))
            self._changed, self._published_ns = False, stamp_ns
        return out

    def _relieves(self) -> bool:
        """Whether a stopped arm presses hard, or did and has not lifted off enough, and all that can lift it off works."""
        limit_ns = self._config.control_timeout_s * 1e9
        needed = [n for n in self._required if n in CONTROL_PATH] + ["joint_states"]
        works = all(self.now_ns - self._heard_ns.get(n, -(10**18)) <= limit_ns for n in needed) and not {*needed} & self._inactive
        pressed = self._pressed_n > self._config.slow_n * (RELIEVED_SHARE if self._relieving else 1.0)
        if works and pressed and not self._relieving:
            self._events.add(self.now_ns, "relief", f"{self._pressed_n:.1f} N against the stopped arm, which lifts off")
        self._relieving = works and pressed
        return self._relieving

    def _begin(self) -> None:
        """Where all are heard; a task that is under way already was another supervisor's, who may have had reasons to stop it."""
        heard = all(n in self._heard_ns for n in (*self._required, "joint_states"))
        if not heard or self._inactive or not self._task_mode:
            return
        if self._task_mode in NO_TASK:
            self._set("ok")
        else:
            self._stop(Reason.BEGAN_ANEW.filled(mode=self._task_mode))

    def _forgive(self, late_ns: int) -> None:
        """A supervisor that did not run heard nobody: that time is not held against the others.

        It issued no permit meanwhile, so guard and hardware braked by themselves; after long nobody expects them to go on.
        """
        self._heard_ns = {source: heard_ns + late_ns for source, heard_ns in self._heard_ns.items()}
        self._felt_ns = None if self._felt_ns is None else self._felt_ns + late_ns
        if self._state in ("ok", "retreat") and late_ns > self._config.other_timeout_s * 1e9:
            self._stop(Reason.STOOD.filled(late_s=1e-9 * late_ns))

    def _judge_silence(self) -> None:
        for source in (*self._required, "joint_states"):
            on_control_path = source in (*CONTROL_PATH, "joint_states")
            limit_s = self._config.control_timeout_s if on_control_path else self._config.other_timeout_s
            if self.now_ns - self._heard_ns[source] > limit_s * 1e9:
                self._lose(source, Reason.SILENT.filled(source=source, limit_ms=1e3 * limit_s))

        limit_ns = self._config.control_timeout_s * 1e9
        if self._state == "ok" and self._contact_state == "retreat" and self.now_ns - self._lifting_ns > self._longest_ns:
            self._stop(Reason.NOT_LIFTED.filled(limit_s=1e-9 * self._longest_ns))
        if self._engaged and self._felt_ns is not None and self.now_ns - self._felt_ns > limit_ns:
            self._stop(Reason.NO_FORCE.filled(limit_ms=1e-6 * limit_ns))

    @property
    def _engaged(self) -> bool:
        """Whether contact is on its way to the skin, on it, or on its way off."""
        return self._contact_state not in ("", "free")

    def _end_retreat(self) -> None:
        if not self._engaged or self.now_ns - self._retreat_ns > self._longest_ns:
            self._stop(Reason.RETREATED.filled())

    def _retreat(self, reason: str) -> None:
        if self._state == "ok":
            self._retreat_ns = self.now_ns
            self._set("retreat", reason)

    def _stop(self, reason: str) -> None:
        if self._state != "stopped":
            self._set("stopped", reason)

    def _set(self, state: str, reason: str = "") -> None:
        if reason:
            self._events.add(self.now_ns, "safety_" + state, reason)
            self._reasons = (*self._reasons, reason)
        self._state, self._changed = state, True

    def call(self, service: str) -> tuple[bool, str]:
        """`safety/stop` and `safety/reset`."""
        if service == "safety/stop":
            self._stop(Reason.STOP_REQUESTED.filled())
            return True, "stopped"
        return self._reset()

    def _reset(self) -> tuple[bool, str]:
        if self._state != "stopped":
            return False, f"nothing to reset: the state is '{self._state}'"
        silent = [
            n for n in (*self._required, "joint_states")
            if self.now_ns - self._heard_ns.get(n, -(10**18)) > self._config.other_timeout_s * 1e9
        ]
        if silent or self._inactive:
            return False, f"not reset: {', '.join(sorted({*silent, *self._inactive}))} still silent or inactive"
        self._epoch += 1
        self._lifting_ns = self.now_ns
        self._reasons, self._felt_ns = (), None
        self._heard_ns.update(dict.fromkeys((*self._required, "joint_states"), self.now_ns))
        self._set("ok")
        return True, "reset; resume the task when the cell is safe"


def _within(values: list[float], low: list[float], high: list[float]) -> bool:
    """Whether every value is a number from `low` to `high`. A compiled loop saves a microsecond, and takes half a second to load."""
    return all(map(le, low, values)) and all(map(le, values, high))


def _first_beyond(values: list[float], low: list[float], high: list[float]) -> int:
    """The first joint, from 1, whose value is not."""
    return next(i for i, (v, a, b) in enumerate(zip(values, low, high, strict=False), start=1) if not a <= v <= b)
