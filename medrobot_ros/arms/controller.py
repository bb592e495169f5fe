"""The kinematics stage: joint states in, guarded joint commands out.

It obeys one source of motion at a time, the one that the contact mode names: motion goals while it is 'off', contact's
twists otherwise. It integrates from the last command that was sent, never from a measurement, and it stops by itself
when twists stop.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numba import njit

from medrobot_ros.arms.collision import CollisionModel
from medrobot_ros.arms.goal import resolve
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.reading import JointReading
from medrobot_ros.arms.route import RoutePlanner
from medrobot_ros.arms.speed import SpeedLimits
from medrobot_ros.arms.trajectory import FreeMotion
from medrobot_ros.arms.twist_motion import TwistMotion
from medrobot_ros.geometry.finite import all_finite
from medrobot_ros.signals import (
    Array,
    ContactMode,
    JointCommand,
    JointState,
    MotionGoal,
    MotionStatus,
    ProbeState,
    SafetyStatus,
    Stamp,
    StopRequest,
    TwistCommand,
)
from medrobot_ros.stage import NOTHING, EventLog, InOrder, Outputs

POSE_RATE_HZ = 100.0
SILENT_PERIODS = 3  # of joint states without a twist, after which the arm brakes
ARRIVED_RAD = 2e-3  # of every measured joint from the goal
ARRIVAL_NS = 1_000_000_000  # a servo may lag this long behind the end of a motion
CLAMPED_RAD = 1e-9  # what the guard changes beyond rounding
JOINTS_TIMEOUT_NS = 50_000_000
STATUS_PERIOD_NS = 100_000_000


class CommandGuard(Protocol):
    """The last word on a command."""

    def receive(self, now_ns: int, topic: str, signal: Any) -> None:
        """Takes what bears on the permission to move."""

    def clamp(self, now_ns: int, q: Array, q_measured: Array) -> Array:
        """The joint positions (n,) [rad] that may be sent instead of `q`."""
        ...

    def feel(self, now_ns: int, F_tip: Array) -> None:
        """Takes the wrench (6,) on the probe tip that the motors' torques tell of."""

    def distrusts(self) -> str:
        """Why the arm has to stop, since this was last asked; '' where it has not."""
        ...


class ArmStage:
    """Stage `kinematics` of an arm in its `cell`.

    No point of the arm is faster than `limits` allow. The way to a goal is searched for while the arm rests, a slice each period.
    """

    name = "kinematics"
    rate_hz = 100.0

    def __init__(
        self,
        model: ArmModel,
        period_s: float,
        guard: CommandGuard,
        cell: CollisionModel,
        limits: SpeedLimits | None = None,
        events: EventLog | None = None,
    ) -> None:
        self._model, self._period_s, self._guard = model, period_s, guard
        self._events = events or EventLog(self.name)
        self._reading = JointReading(model)
        self._cell, self._twists = cell, TwistMotion(model, period_s, cell, limits)
        self._routes, self._motion = RoutePlanner(model, cell), FreeMotion(model, period_s, limits)
        self._decimation = max(1, round(1.0 / (POSE_RATE_HZ * period_s)))
        self.now_ns = 0
        self._samples = 0
        self._heard_ns = -JOINTS_TIMEOUT_NS - 1
        self._q_sent: Array | None = None
        self._qd_sent, self._qdd_sent = np.zeros(model.n), np.zeros(model.n)
        self._moving = False  # whether `_motion` has steps left
        self._coasting = False  # whether a twist is to be braked from
        self._seeking = False  # whether the way to the goal is not known yet
        self._search: Iterator[list[Array] | None] | None = None  # for it, from where the arm has come to rest
        self._mode, self._mode_ns = "off", 0
        self._silence = SILENT_PERIODS + 1
        self._twist_order = InOrder()
        self._stopped, self._safety = False, "ok"
        self._goal: Array | None = None
        self._goal_ns, self._way_rad, self._ended_ns = 0, 0.0, 0
        still = np.zeros(model.n)
        _moved(still, still, still, still, period_s)  # compiled or loaded now, not in a tick
        self._status, self._changed, self._status_ns = MotionStatus(0), True, -STATUS_PERIOD_NS

    def receive(self, topic: str, signal: Any) -> Outputs:
        """Answers joint states and twists; stores the rest."""
        if topic == "joint_states":
            return self._on_joints(signal)
        if topic == "probe/twist_command":
            return self._on_twist(signal)
        if topic == "contact/mode":
            self._on_mode(signal)
        elif topic in ("motion/goal", "motion/goal_pose"):
            self._on_goal(signal)
        else:
            self._guard.receive(self.now_ns, topic, signal)
            if topic == "safety/stop" and signal.stop:
                self._stop("a stop was requested")
            elif topic == "safety/state":
                self._on_safety(signal)
        return NOTHING

    # --- joints -------------------------------------------------------------------------------------------------------

    def _on_joints(self, state: JointState) -> Outputs:
        kind, detail = self._reading.take(state)
        if kind:
            self._events.add(self.now_ns, kind, detail)
            return NOTHING
        self._heard_ns = self.now_ns
        if self._q_sent is None:
            self._q_sent = self._reading.q.copy()
        self._samples += 1
        out = self._probe(state.stamp_ns)
        self._silence += 1
        if self._silence <= SILENT_PERIODS:
            return out  # the twist to come is answered
        if self._silence == SILENT_PERIODS + 1:
            self._events.add(self.now_ns, "silent_twist_command", f"none for {SILENT_PERIODS} periods")
            self._brake()
        out.append(self._advance())
        self._judge_arrival()
        return out

    def _probe(self, stamp_ns: int) -> list[tuple[str, Any]]:
        """The twist with every state, since force is told from inertia by it; the pose at `POSE_RATE_HZ`."""
        probe = ProbeState(stamp_ns, *self._model.probe_moving_at(self._reading.q, self._reading.qd))
        if self._samples % self._decimation:
            return [("probe/twist", probe)]
        if self._reading.tau is not None and self._mode != "off":  # slow enough that torques tell of force
            self._guard.feel(self.now_ns, self._model.tip_wrench(self._reading.q, self._reading.tau))
        return [("probe/pose", probe), ("probe/twist", probe)]

    # --- commands -----------------------------------------------------------------------------------------------------

    def _send(self, q: Array) -> tuple[tuple[str, JointCommand], bool]:
        """The command that goes out for `q`, and whether the guard changed it."""
        assert self._q_sent is not None and self._reading.stamp_ns is not None
        q_sent = self._guard.clamp(self.now_ns, q, self._reading.q)
        self._qd_sent, self._qdd_sent, clamped = _moved(q, q_sent, self._q_sent, self._qd_sent, self._period_s)
        self._q_sent = q_sent
        return ("forward_position_controller/commands", JointCommand(self._reading.stamp_ns, q_sent)), clamped

    def _advance(self) -> tuple[str, JointCommand]:
        """The next step of the free motion or the stop under way, else a hold."""
        assert self._q_sent is not None
        if self._moving:
            return self._step()
        if self._coasting:
            qd = self._twists.braked(self._q_sent, self._qd_sent, self._qdd_sent)
            self._coasting = bool(qd.any())
            return self._send(self._q_sent + qd * self._period_s)[0]
        if self._seeking:
            self._look_for_way()
        return self._send(self._q_sent)[0]

    def _step(self) -> tuple[str, JointCommand]:
        assert self._q_sent is not None
        step = self._motion.step()
        if step is None:
            self._events.add(self.now_ns, "no_trajectory", "held instead")
            self._end_goal("stopped", "no trajectory leads on from here")
            self._moving = False
            return self._send(self._q_sent)[0]
        q, ended = step
        command, clamped = self._send(q)
        if clamped:
            if not self._motion.go_on_from(self._q_sent, self._qd_sent):
                self._moving, self._coasting, self._seeking = False, True, self._goal is not None  # from where that ends
        elif ended:
            self._moving, self._ended_ns = False, self.now_ns
        return command

    def _look_for_way(self) -> None:
        """One slice of the search; where it ends, the motion begins or is refused."""
        assert self._goal is not None and self._q_sent is not None
        if self._search is None:
            self._search = self._routes.search(self._q_sent, self._goal)
        corners = next(self._search)
        if corners is None:
            return
        self._seeking, self._search = False, None
        if corners:
            self._motion.start(self._q_sent, corners)
            self._moving = True
        else:
            self._end_goal("refused", "no way around what stands there was found")

    def _brake(self) -> None:
        """Begins a stop from whatever is being sent."""
        self._seeking, self._search = False, None
        if self._moving:
            self._motion.brake()

    # --- contact ------------------------------------------------------------------------------------------------------

    def _on_mode(self, mode: ContactMode) -> None:
        if mode.stamp_ns < self._mode_ns:
            self._events.add(self.now_ns, "stale_contact_mode", mode.mode)
        elif self._stopped and mode.mode != "off":
            self._events.add(self.now_ns, "refused_contact_mode", f"'{mode.mode}' while stopped")
        else:
            if (mode.mode == "off") != (self._mode == "off"):
                self._interrupt(f"contact mode '{mode.mode}'")
                if self._q_sent is not None:
                    self._twists.start(self._q_sent)
            self._mode, self._mode_ns = mode.mode, mode.stamp_ns

    def _on_twist(self, twist: TwistCommand) -> Outputs:
        if self._mode == "off" or self._q_sent is None:
            return NOTHING
        V = twist.V_base_probe_in_probe
        if V.shape != (6,) or not all_finite(V):
            self._events.add(self.now_ns, "bad_twist_command", f"{np.isfinite(V).sum()} of 6 values are finite")
            return NOTHING
        if self._twist_order.late_ns(twist.stamp_ns):
            self._events.add(self.now_ns, "stale_twist_command", "older than the last")
            return NOTHING
        self._silence, self._moving, self._coasting = 0, False, True
        qd, faults = self._twists.step(self._q_sent, self._qd_sent, self._qdd_sent, V)
        for kind, detail in faults:
            self._events.add(self.now_ns, kind, detail)
        return (self._send(self._q_sent + qd * self._period_s)[0],)

    # --- goals --------------------------------------------------------------------------------------------------------

    def _on_goal(self, goal: MotionGoal) -> None:
        q, reason = None, self._refusal(goal)
        if not reason:
            assert self._q_sent is not None
            q, reason = resolve(self._model, goal, self._q_sent)
        if q is not None:
            reason = self._cell.too_near(q, self._cell.margins)
        if q is None or reason:
            if self._goal is None:
                self._report(goal.goal_id, 0.0, "refused", reason)
            else:
                self._events.add(self.now_ns, "refused_goal", f"{goal.goal_id}: {reason}")
            return
        self._begin(goal, q)

    def _refusal(self, goal: MotionGoal) -> str:
        if self._q_sent is None:
            return "no joint state has arrived yet"
        if self._stopped or self._safety != "ok":
            return f"safety is {'stopped' if self._stopped else self._safety}"
        if self._mode != "off":
            return f"contact mode is '{self._mode}'"
        if goal.stamp_ns < self._goal_ns:
            return f"the goal is {1e-9 * (self._goal_ns - goal.stamp_ns):.3f} s older than the last"
        return ""

    def _begin(self, goal: MotionGoal, q: Array) -> None:
        assert self._q_sent is not None
        self._brake()
        self._goal, self._goal_ns, self._seeking = q, goal.stamp_ns, True
        self._way_rad = float(np.abs(q - self._q_sent).max())
        self._report(goal.goal_id, 0.0, "moving", "")

    def _judge_arrival(self) -> None:
        """Ends a goal when its motion has, and the joints are there or late."""
        if self._goal is None or self._moving or self._seeking:
            return
        off_rad = float(np.abs(self._reading.q - self._goal).max())
        if off_rad <= ARRIVED_RAD:
            self._end_goal("reached", "")
        elif self.now_ns - self._ended_ns > ARRIVAL_NS:
            self._end_goal("stopped", f"the joints stay {off_rad:.3f} rad from the goal")

    def _end_goal(self, result: str, reason: str) -> None:
        if self._goal is not None:
            self._report(self._status.goal_id, 1.0 if result == "reached" else self._progress(), result, reason)
            self._goal = None

    def _progress(self) -> float:
        if self._goal is None or self._q_sent is None:
            return self._status.progress
        left_rad = float(np.abs(self._goal - self._q_sent).max())
        return max(0.0, 1.0 - left_rad / max(self._way_rad, ARRIVED_RAD))

    def _report(self, goal_id: str, progress: float, result: str, reason: str) -> None:
        self._status, self._changed = MotionStatus(self.now_ns, goal_id, progress, result, reason), True

    # --- safety -------------------------------------------------------------------------------------------------------

    def _interrupt(self, reason: str) -> None:
        """Ends what is under way and brakes; twists are obeyed again from the next one on."""
        self._end_goal("stopped", reason)
        self._silence = SILENT_PERIODS + 1
        self._brake()

    def _stop(self, reason: str) -> None:
        """Nothing moves after this until safety is reset, and then only by a new goal or mode."""
        self._stopped, self._mode = True, "off"
        self._interrupt(reason)

    def _on_safety(self, safety: SafetyStatus) -> None:
        was, self._safety = self._safety, safety.state
        if safety.state == "stopped" and was != "stopped":
            self._stop("safety: " + ", ".join(safety.reasons))
        elif safety.state == "retreat" and was != "retreat" and self._mode == "off":
            self._interrupt("safety: " + ", ".join(safety.reasons))
        elif safety.state == "ok" and was == "stopped":
            self._stopped = False

    # --- time ---------------------------------------------------------------------------------------------------------

    def tick(self, stamp_ns: int) -> Outputs:
        """Heartbeat while joint states arrive; status on change and at 10 Hz."""
        self.now_ns = stamp_ns
        out: list[tuple[str, Any]] = list(self._events.drain(stamp_ns))
        if why := self._guard.distrusts():
            self._stop(why)
            out.append(("safety/stop", StopRequest(True)))
        if stamp_ns - self._heard_ns <= JOINTS_TIMEOUT_NS:
            out.append(("heartbeat", Stamp(stamp_ns, self.name)))
        if self._changed or stamp_ns - self._status_ns >= STATUS_PERIOD_NS:
            self._changed, self._status_ns = False, stamp_ns
            s = self._status
            progress = self._progress() if self._goal is not None else s.progress
            out.append(("motion/state", MotionStatus(stamp_ns, s.goal_id, progress, s.result, s.reason)))
        return out

    def call(self, service: str) -> tuple[bool, str]:
        """No services."""
        return False, f"kinematics serves no '{service}'"


@njit(cache=True)  # type: ignore[untyped-decorator]
def _moved(q, q_sent, q_last, qd_last, period_s):  # type: ignore[no-untyped-def]
    """Velocity and acceleration (n,) of the step from `q_last` to `q_sent`, and whether that is not what was asked, `q`."""
    qd, qdd, clamped = np.empty(q.size), np.empty(q.size), False
    for i in range(q.size):
        qd[i] = (q_sent[i] - q_last[i]) / period_s
        qdd[i] = (qd[i] - qd_last[i]) / period_s
        clamped |= abs(q_sent[i] - q[i]) > CLAMPED_RAD
    return qd, qdd, clamped
