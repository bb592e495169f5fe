"""The one table of topics and services, as plain data. Names are relative to the cell's namespace.

`docs/interfaces.md` is written from this table, the nodes and the recorder read it, and a test holds the live graph to it.
"""

from collections.abc import Collection
from dataclasses import dataclass

ON_DEMAND_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: `type` is the ROS name, `writers` and `readers` are node names, `rate_hz` 0 means on demand."""

    name: str
    type: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    rate_hz: float
    reliable: bool = False
    depth: int = 1
    latched: bool = False
    frame: str = ""
    units: str = ""
    recorded: bool = True
    steady: bool = True  # comes at its rate whenever its writer is active
    shown_hz: float = 0.0  # how often to others than the readers that get each one from hand to hand; 0: as often

    @property
    def queue(self) -> int:
        """How many messages may wait. Those on demand or of several writers must not overwrite each other, unless the newest tells all."""
        overwritten = len(self.writers) > 1 or (self.rate_hz == 0.0 and not self.latched)
        return max(self.depth, ON_DEMAND_DEPTH) if overwritten else self.depth


@dataclass(frozen=True, slots=True)
class Service:
    """One service: `server` is a node name."""

    name: str
    type: str
    server: str
    does: str


NAMESPACE = "cell"  # unless the user gives another
NODES = ("hardware", "kinematics", "contact", "imaging", "surface", "planner", "safety", "recorder")
CONTROL_PATH = ("hardware", "kinematics", "contact", "safety")
TOGETHER = {"control": ("kinematics", "contact")}  # processes that serve more than one node: these answer each other within a tick
USER = "user"
VIEW_HEARS, VIEW_MARKERS = ("contact/state", "surface"), "view/markers"  # of the node that runs beside rviz, no part of a cell

_DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"
_WRENCH = "geometry_msgs/msg/WrenchStamped"
_POSE = "geometry_msgs/msg/PoseStamped"
_TWIST = "geometry_msgs/msg/TwistStamped"
_HEADER = "std_msgs/msg/Header"

TOPICS: tuple[Topic, ...] = (
    Topic("joint_states", "sensor_msgs/msg/JointState", ("hardware",), ("kinematics", "safety"), 500,
          units="rad, rad/s, Nm"),
    Topic("wrench", _WRENCH, ("hardware",), ("contact",), 500, frame="ft", units="N, Nm, raw"),
    Topic("forward_position_controller/commands", "std_msgs/msg/Float64MultiArray", ("kinematics",), ("hardware",), 500,
          reliable=True, units="rad"),
    Topic("probe/pose", _POSE, ("kinematics",), ("contact", "imaging", "planner"), 100, frame="base", units="m"),
    Topic("probe/twist", _TWIST, ("kinematics",), ("contact",), 500, frame="probe", units="m/s, rad/s", shown_hz=100),
    Topic("probe/twist_command", _TWIST, ("contact",), ("kinematics",), 500, frame="probe", units="m/s, rad/s",
          steady=False),
    Topic("contact/wrench", _WRENCH, ("contact",), ("kinematics", "planner", "safety"), 100, frame="probe",
          units="N, Nm, compensated, of tissue on probe", steady=False),
    Topic("contact/mode", _DIAGNOSTICS, ("planner",), ("contact", "kinematics"), 0, reliable=True),
    Topic("contact/state", _DIAGNOSTICS, ("contact",), ("planner", "safety"), 10, reliable=True, latched=True),
    Topic("scan/reference", "trajectory_msgs/msg/MultiDOFJointTrajectory", ("planner",), ("contact",), 0, reliable=True,
          frame="base", units="m, s"),
    Topic("scan/force_reference", _WRENCH, ("planner", USER), ("contact",), 0, reliable=True, frame="probe", units="N"),
    Topic("motion/goal", "trajectory_msgs/msg/JointTrajectory", ("planner",), ("kinematics",), 0, reliable=True, units="rad"),
    Topic("motion/goal_pose", _POSE, ("planner",), ("kinematics",), 0, reliable=True, frame="base", units="m"),
    Topic("motion/state", _DIAGNOSTICS, ("kinematics",), ("planner",), 10, reliable=True, latched=True),
    Topic("hardware/state", _DIAGNOSTICS, ("hardware",), ("planner",), 1, reliable=True, latched=True),
    Topic("safety/permit", _HEADER, ("safety",), ("kinematics", "hardware"), 100),
    Topic("heartbeat", _HEADER, tuple(n for n in NODES if n != "safety"), ("safety",), 100),
    Topic("safety/stop", "std_msgs/msg/Bool", (USER, "safety", "hardware", "kinematics"),
          ("safety", "kinematics", "hardware"), 0, reliable=True, latched=True),
    Topic("safety/state", _DIAGNOSTICS, ("safety",), ("planner", "kinematics", "contact"), 1, reliable=True, latched=True),
    Topic("surface", "sensor_msgs/msg/PointCloud2", ("surface",), ("planner",), 1, reliable=True, latched=True,
          frame="base", units="m"),
    Topic("image", "sensor_msgs/msg/Image", ("imaging",), (), 20, depth=5, frame="image", units="mono8"),
    Topic("image/compressed", "sensor_msgs/msg/CompressedImage", ("imaging",), (), 20, depth=5, frame="image",
          units="mono8 as PNG, without loss; made while somebody listens", recorded=False, steady=False),
    Topic("image/geometry", _DIAGNOSTICS, ("imaging",), ("planner",), 0, reliable=True, latched=True),
    Topic("image/quality", _DIAGNOSTICS, ("imaging",), ("contact", "planner"), 20, reliable=True, depth=5),
    Topic("volume", "sensor_msgs/msg/PointCloud2", ("imaging",), (), 0, reliable=True, latched=True, frame="base",
          units="m, grey level; of the accepted images so far", recorded=False, steady=False),
    Topic("scan/path", "nav_msgs/msg/Path", ("planner",), (), 0, reliable=True, latched=True, frame="base", units="m"),
    Topic("scan/markers", "visualization_msgs/msg/MarkerArray", ("planner",), (), 0, reliable=True, latched=True,
          frame="base", units="m"),
    Topic("task/state", _DIAGNOSTICS, ("planner",), ("imaging", "recorder", "safety", USER), 1, reliable=True, latched=True),
    Topic("events", _DIAGNOSTICS, NODES, (), 0, reliable=True, depth=50),
    Topic("twin/contact_wrench", _WRENCH, ("hardware",), (), 100, frame="probe", units="N, Nm, truth"),
    Topic("twin/probe_pose", _POSE, ("hardware",), ("imaging", "surface"), 100, frame="base", units="m, truth"),
    Topic("twin/skin_pose", _POSE, ("hardware",), (), 100, frame="base", units="m, truth"),
    Topic("twin/patient", "sensor_msgs/msg/JointState", ("hardware",), ("imaging", "surface"), 100,
          units="rad, m, m, m, m, m, rad: breathing_phase, breathing_offset, indentation, patient_x, patient_y, patient_z, patient_yaw"),
    Topic("/diagnostics", _DIAGNOSTICS, NODES, (), 1, reliable=True, depth=10, recorded=False),
)

SERVICES: tuple[Service, ...] = (
    Service("task/start", "std_srvs/srv/Trigger", "planner", "begins the examination"),
    Service("task/pause", "std_srvs/srv/Trigger", "planner", "lifts the probe and waits"),
    Service("task/resume", "std_srvs/srv/Trigger", "planner", "finds the patient again and goes on"),
    Service("task/abort", "std_srvs/srv/Trigger", "planner", "retreats and concludes"),
    Service("contact/tare", "std_srvs/srv/Trigger", "contact", "takes the wrench in this pose as zero"),
    Service("safety/stop", "std_srvs/srv/Trigger", "safety", "stops the arm and latches"),
    Service("safety/reset", "std_srvs/srv/Trigger", "safety", "clears a latched stop, once its causes are gone"),
)

_BY_NAME = {t.name: t for t in TOPICS}


def topic(name: str) -> Topic:
    """The row of a topic; KeyError for a name that is not in the table."""
    return _BY_NAME[name]


def recorded_topics() -> tuple[Topic, ...]:
    """What a run's bag holds."""
    return tuple(t for t in TOPICS if t.recorded)


def handed_over(reader: str, nodes: Collection[str]) -> frozenset[str]:
    """Topics that a node gets from hand to hand in a process of these nodes: its only writer is there, too."""
    return frozenset(t.name for t in TOPICS if reader in t.readers and len(t.writers) == 1 and t.writers[0] in nodes)


def as_markdown() -> str:
    """The table as `docs/interfaces.md` shows it."""
    head = (
        "# Interfaces\n\nWritten from `medrobot_ros/interfaces.py` by `python -m medrobot_ros.interfaces > docs/interfaces.md`; "
        "a test compares them.\n"
        "Names are relative to the cell's namespace. BE best effort, R reliable, TL transient local, then the depth.\n"
        "Rate 0 means on demand; a second one is that of the graph and the record where the reader shares the writer's process. "
        "Standard messages only; status rows are `DiagnosticArray` whose key-values are the signal's fields.\n\n"
        "| topic | type | from | to | rate [Hz] | QoS | frame | units |\n|---|---|---|---|---|---|---|---|\n"
    )
    services = "\n| service | type | server | does |\n|---|---|---|---|\n"
    return head + "".join(map(_topic_row, TOPICS)) + services + "".join(
        f"| `{s.name}` | {s.type} | {s.server} | {s.does} |\n" for s in SERVICES
    )


def _topic_row(t: Topic) -> str:
    writers = "all" if t.writers == NODES else ", ".join(t.writers)
    qos = f"{'R' if t.reliable else 'BE'}{' TL' if t.latched else ''} {t.queue}"
    rate = f"{t.rate_hz:g} / {t.shown_hz:g}" if t.shown_hz else f"{t.rate_hz:g}"
    return f"| `{t.name}` | {t.type} | {writers} | {', '.join(t.readers)} | {rate} | {qos} | {t.frame} | {t.units} |\n"


if __name__ == "__main__":
    print(as_markdown(), end="")
