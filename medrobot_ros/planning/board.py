"""What the planner knows, and what it has decided to say: shared by the steps of its tree."""

from collections import deque
from typing import Any

import numpy as np

from medrobot_ros.config import CellConfig
from medrobot_ros.geometry.pose import interpolate
from medrobot_ros.planning.gel import GelWatch
from medrobot_ros.planning.path import CoverageMap, Raster, length_m
from medrobot_ros.planning.surface import FoundPatient
from medrobot_ros.signals import (
    Array,
    ContactMode,
    ContactStatus,
    ImageGeometry,
    ImageQuality,
    MotionGoal,
    MotionStatus,
    PlannedSkin,
    ProbeState,
    SafetyStatus,
    Surface,
    TaskStatus,
    Wrench,
)
from medrobot_ros.stage import EventLog, InOrder

POSE_MEMORY = 300  # 3 s of probe poses: an image's verdict comes later than its pose
CLOUD_MEMORY = 5  # clouds at one a second span more than a breath
POSE_REACH_NS = 50_000_000
TOUCHING = ("seat", "scan", "lost", "over_force")
# Seconds from the beginning of a phase to the conclusion, path apart: typical of a region on the abdomen.
USUAL_LEFT_S = {
    "check": 35.0, "home": 34.0, "find": 26.0, "plan": 20.0, "move": 20.0, "approach": 15.0, "seat": 12.0, "scan": 9.0,
    "repeat": 9.0, "retreat": 8.0, "return": 6.0,
}  # fmt: skip


class Board:
    """Signals as they came, plans as they were made, and the outputs of this tick."""

    def __init__(self, config: CellConfig, q_home: Array, T_base_home: Array, events: EventLog) -> None:
        self.config, self.q_home, self.T_base_home, self._events = config, q_home, T_base_home, events
        self.now_ns = 0
        self.outputs: list[tuple[str, Any]] = []
        self._heard_ns: dict[str, int] = {}
        self._orders: dict[str, InOrder] = {}
        self.contact: ContactStatus | None = None
        self.motion: MotionStatus | None = None
        self.safety: SafetyStatus | None = None
        self.geometry: ImageGeometry | None = None
        self.wrench: Wrench | None = None
        self.poses: deque[ProbeState] = deque(maxlen=POSE_MEMORY)
        self.clouds: deque[Surface] = deque(maxlen=CLOUD_MEMORY)
        self.gel = GelWatch(config)
        self.clear()

    def clear(self) -> None:
        """Forgets the last examination."""
        self.found: FoundPatient | None = None
        self.still_ns = self.now_ns  # of the newest cloud that shows the patient where it was found
        self.raster: Raster | None = None
        self.coverage: CoverageMap | None = None
        self.passes: list[tuple[int, int]] = []  # runs (first, last line) to scan in one contact each, the first under way
        self.phase, self.failure = "", ""
        self.trouble = ""  # why contact last gave up a pass
        self.has_moved = False
        self.repeats = 0
        self.contact_s = 0.0
        self.began_ns = self.now_ns

    # --- what arrives -------------------------------------------------------------------------------------------------

    def store(self, topic: str, signal: Any) -> None:
        """Takes a signal unless it is older than the last one; verdicts on images count at once."""
        if self._orders.setdefault(topic, InOrder()).late_ns(signal.stamp_ns):
            self._events.add(self.now_ns, "stale_" + topic.replace("/", "_"), "older than the last")
            return
        self._heard_ns[topic] = self.now_ns
        if topic == "probe/pose":
            self.poses.append(signal)
        elif topic == "contact/state":
            self.contact = signal
        elif topic == "contact/wrench":
            self.wrench = signal
        elif topic == "motion/state":
            self.motion = signal
        elif topic == "safety/state":
            self.safety = signal
        elif topic == "image/geometry":
            self.geometry = signal
        elif topic == "surface":
            self.clouds.append(signal)
        elif topic == "image/quality":
            self._judge(signal)

    def _judge(self, verdict: ImageQuality) -> None:
        self.gel.hear(verdict, self.contact)
        scanning = self.contact is not None and self.contact.state == "scan"
        if self.coverage is None or not (scanning and verdict.accepted):
            return
        T = self.pose_at(verdict.stamp_ns)
        if T is not None:
            self.coverage.add(T, verdict)

    def pose_at(self, stamp_ns: int) -> Array | None:
        """Probe pose (4, 4) at a stamp, between the samples around it; the nearest within 50 ms at the ends."""
        if not self.poses:
            return None
        later = len(self.poses)
        while later > 0 and self.poses[later - 1].stamp_ns >= stamp_ns:  # from the newest back, for it is about these that one asks
            later -= 1
        if 0 < later < len(self.poses):
            a, b = self.poses[later - 1], self.poses[later]
            share = (stamp_ns - a.stamp_ns) / (b.stamp_ns - a.stamp_ns)
            return interpolate(a.T_base_probe, b.T_base_probe, share)
        end = self.poses[0] if later == 0 else self.poses[-1]
        return end.T_base_probe if abs(end.stamp_ns - stamp_ns) < POSE_REACH_NS else None

    def age_s(self, topic: str) -> float:
        """Since a topic was last heard; infinite where it never was."""
        return 1e-9 * (self.now_ns - self._heard_ns[topic]) if topic in self._heard_ns else np.inf

    @property
    def touching(self) -> bool:
        """Whether the probe is on the skin."""
        return self.contact is not None and self.contact.state in TOUCHING

    @property
    def engaged(self) -> bool:
        """Whether contact is on its way to the skin, on it, or on its way off."""
        return self.contact is not None and self.contact.state != "free"

    @property
    def contact_spent(self) -> bool:
        """Whether the greatest time in contact has passed."""
        return self.contact_s > self.config.scan.max_contact_s

    # --- what is said -------------------------------------------------------------------------------------------------

    def say(self, topic: str, signal: Any) -> None:
        """Publishes with this tick."""
        self.outputs.append((topic, signal))

    def ask_contact(self, mode: str) -> None:
        """Names contact's mode."""
        self.say("contact/mode", ContactMode(self.now_ns, mode))

    def ask_motion(self, q: Array | None = None, T_base_probe: Array | None = None) -> str:
        """Sends a goal and returns its id."""
        self.has_moved = True
        goal = MotionGoal(self.now_ns, str(self.now_ns), q, T_base_probe)
        self.say("motion/goal" if q is not None else "motion/goal_pose", goal)
        return goal.goal_id

    def ask_force(self) -> None:
        """Names the tissue's push on the probe that is wanted, in probe axes."""
        F = np.array([0.0, 0.0, -self.config.contact.force_n, 0.0, 0.0, 0.0])
        self.say("scan/force_reference", Wrench(self.now_ns, "probe", F))

    def planned_skin(self) -> PlannedSkin | None:
        """The planned points and what they are covered with, once there is a plan."""
        if self.coverage is None:
            return None
        return PlannedSkin(self.now_ns, self.coverage.points, self.coverage.quality.copy())

    def status(self, mode: str, outcome: str, reason: str) -> TaskStatus:
        """Where the examination stands."""
        covered = self.coverage.share if self.coverage is not None else 0.0
        left_s = None if outcome or self.phase not in USUAL_LEFT_S else USUAL_LEFT_S[self.phase] + self._path_left_s()
        return TaskStatus(self.now_ns, mode, self.phase, covered, self.repeats, left_s, outcome, reason)

    def _path_left_s(self) -> float:
        """Time that the passes still to be scanned take; before there is a plan, what the region's size suggests."""
        scan = self.config.scan
        if self.raster is None:
            return (scan.size_m[1] / scan.line_spacing_m) * scan.size_m[0] / scan.speed_m_per_s
        lengths = [length_m(self.raster.poses_of(*run)) for run in self.passes]
        if lengths and self.touching and self.contact is not None:
            lengths[0] *= 1.0 - self.contact.progress
        return sum(lengths) / scan.speed_m_per_s
