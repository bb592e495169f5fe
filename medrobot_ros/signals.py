"""The stamped values that pass between rooms, which nobody changes once they are made.

SI units throughout. `stamp_ns` is the time of measurement in nanoseconds. Arrays are float64 unless said;
they are not copied, so whoever makes a signal must not change its arrays afterwards.
Names carry their frames: `T_base_probe` maps probe coordinates into base; `V_base_probe_in_probe` is the
twist [v; w] of the probe against base, in probe coordinates; `F_tissue_on_probe_in_probe` is a wrench [f; m].
"""

import dataclasses
from dataclasses import field
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(frozen, slots):
        """Frozen to type checkers alone: one that is takes four times as long to make, and a control tick makes ten."""
        return dataclasses.dataclass(slots=slots)


# --- hardware ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JointState:
    """Measured joints. `q` [rad], `qd` [rad/s], `tau` [Nm]. Shapes (n,)."""

    stamp_ns: int
    q: Array
    qd: Array
    tau: Array


@dataclass(frozen=True, slots=True)
class JointCommand:
    """Commanded joint positions `q` [rad]. Shape (n,). `stamp_ns` is that of the state it answers."""

    stamp_ns: int
    q: Array


@dataclass(frozen=True, slots=True)
class Wrench:
    """A wrench [f; m] in N and Nm, shape (6,), of the environment on the tool, in the named frame."""

    stamp_ns: int
    frame: str
    F: Array


@dataclass(frozen=True, slots=True)
class NamedJoints:
    """Joints as a driver reports them: by name, in its own order, with others among them.

    `q` [rad], `qd` [rad/s], `tau` [Nm], each (m,) or empty."""

    stamp_ns: int
    names: tuple[str, ...]
    q: Array
    qd: Array
    tau: Array


@dataclass(frozen=True, slots=True)
class JointTrajectory:
    """Positions `q` [rad] and velocities `qd` [rad/s], both (k, n), at `times_s` (k,) from now; the last at rest."""

    stamp_ns: int
    times_s: Array
    q: Array
    qd: Array


@dataclass(frozen=True, slots=True)
class Fault:
    """A driver's fault by name, and whether it is there."""

    stamp_ns: int
    name: str
    present: bool


@dataclass(frozen=True, slots=True)
class PatientTruth:
    """What only a twin knows; for recording, tests and the twin's own sources."""

    stamp_ns: int
    F_tissue_on_probe_in_probe: Array  # (6,), at the probe tip
    T_base_probe: Array  # (4, 4), the probe's true pose
    T_base_skin: Array  # (4, 4), the undeformed skin point nearest the probe, z along the inward normal
    T_base_patient: Array  # (4, 4), the patient frame as it lies now, without breathing
    breathing_phase_rad: float
    breathing_offset_m: float  # of the skin along its outward normal
    indentation_m: float  # of the skin by the probe, 0 when they do not touch

    @property
    def finite(self) -> bool:
        """Whether what a source draws from is numbers."""
        probe, patient = self.T_base_probe.ravel(), self.T_base_patient.ravel()
        return isfinite(probe.dot(probe) + patient.dot(patient) + self.breathing_offset_m)


@dataclass(frozen=True, slots=True)
class HardwareStatus:
    """How the hardware loop is doing; `None` where there is no wall clock (in one process).

    `period_*_s` are since the first permit, `overruns` counts periods longer than 1.5 times nominal, `answered` is the share of
    ticks that a command answered within one period, `clamped` and `refused` count commands."""

    stamp_ns: int
    period_p50_s: float | None = None
    period_p99_s: float | None = None
    period_max_s: float | None = None
    period_error_p99_s: float | None = None
    overruns: int | None = None
    answered: float | None = None
    clamped: int = 0
    refused: int = 0
    realtime: bool | None = None
    state: str = "ready"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A bare header: a permit or a heartbeat. `source` is the node that sends it."""

    stamp_ns: int
    source: str


_INACTIVE = ":inactive"


def inactive(node: str) -> str:
    """The source of a heartbeat by which a node says that it lives but does not work."""
    return node + _INACTIVE


def active_node(source: str) -> tuple[str, bool]:
    """Which node a heartbeat is from, and whether that works."""
    return source.removesuffix(_INACTIVE), not source.endswith(_INACTIVE)


@dataclass(frozen=True, slots=True)
class StopRequest:
    """A request to stop the arm; `stop` False is never obeyed (only `safety/reset` clears a stop)."""

    stop: bool


# --- control ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProbeState:
    """Pose and twist of the probe tip. Shapes (4, 4) and (6,). A pose message carries no twist: `None` then."""

    stamp_ns: int
    T_base_probe: Array
    V_base_probe_in_probe: Array | None = None


@dataclass(frozen=True, slots=True)
class ProbeTwist:
    """The twist [v; w] of the probe tip alone, as a twist message carries it. Shape (6,)."""

    stamp_ns: int
    V_base_probe_in_probe: Array


@dataclass(frozen=True, slots=True)
class TwistCommand:
    """The twist [v; w] [m/s, rad/s] that contact asks of kinematics. Shape (6,)."""

    stamp_ns: int
    V_base_probe_in_probe: Array


@dataclass(frozen=True, slots=True)
class MotionGoal:
    """A free motion: joint positions `q` (n,) or a probe pose `T_base_probe` (4, 4), exactly one of them.

    `goal_id` is `str(stamp_ns)`: the standard messages carry no other."""

    stamp_ns: int
    goal_id: str
    q: Array | None = None
    T_base_probe: Array | None = None


@dataclass(frozen=True, slots=True)
class MotionStatus:
    """Where a free motion stands. `result` is '', 'moving', 'reached', 'refused' or 'stopped'."""

    stamp_ns: int
    goal_id: str = ""
    progress: float = 0.0
    result: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ContactMode:
    """What contact is to do: 'off' (kinematics obeys motion goals), 'tare', 'hold', 'approach', 'retreat', or how to scan: 'scan' along
    the path, 'fan' and 'rock' about the contact point, 'dwell'."""

    stamp_ns: int
    mode: str


@dataclass(frozen=True, slots=True)
class ScanReference:
    """Poses along the planned path. `T_base_probe` (N, 4, 4), `time_s` (N,) at nominal speed, increasing from 0."""

    stamp_ns: int
    reference_id: str
    T_base_probe: Array
    time_s: Array


PUSHED_AWAY = "pushed away: task/resume when the way is clear"  # a `ContactStatus.reason` that a person has to answer


@dataclass(frozen=True, slots=True)
class ContactStatus:
    """What contact is doing. `None` where there is no value yet."""

    stamp_ns: int
    mode: str
    state: str
    force_n: float | None = None
    stiffness_n_per_m: float | None = None
    lost_count: int = 0
    tared: bool = False
    reference_id: str = ""
    progress: float = 0.0  # share of the reference that has been travelled, 0 to 1
    reason: str = ""
    tilt_rad: float = 0.0  # what the image asks: turn about probe y, about probe x, and force added to the reference
    rock_rad: float = 0.0
    press_n: float = 0.0
    delay_s: float | None = None  # from a command to the motion that it makes, as measured


# --- imaging ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Image:
    """A B-mode image: `pixels` (rows, columns) uint8, row 0 nearest the probe, columns along probe x."""

    stamp_ns: int
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ImageGeometry:
    """How pixels lie in the probe frame. `T_probe_image` (4, 4) maps image metres (x right, y down from pixel (0, 0)'s
    centre, z out of the plane) into the probe frame; `spacing_m` is (column, row)."""

    stamp_ns: int
    probe: str
    rows: int
    columns: int
    spacing_m: tuple[float, float]
    T_probe_image: Array
    depth_m: float
    aperture_m: float
    face_radius_m: float = 0.0  # of the arc along probe x on which lines begin; 0 for parallel lines, or where it is not known
    sector_rad: float = 0.0  # angle over which they fan out; 0 where it follows from the aperture and the arc


@dataclass(frozen=True, slots=True)
class TrackedImage:
    """Pixels (rows, columns) uint8, where they lay when they were taken: `T_base_pixel` (4, 4) maps (column, row, 0, 1) into base [m]."""

    taken_ns: int
    pixels: NDArray[np.uint8]
    T_base_pixel: Array


@dataclass(frozen=True, slots=True)
class VolumeCloud:
    """The voxels that images have reached so far: their centres `points` (N, 3) in base [m], and grey levels `grey` (N,) uint8."""

    stamp_ns: int
    points: Array
    grey: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """The verdict on one image, with the image's own stamp. `coupled_m` is the lateral extent (min, max) in probe x
    over which the probe touches; (0, 0) when it does not. Shares are 0 to 1. What only an image in contact tells is None without it."""

    stamp_ns: int
    contact_share: float
    visibility: float
    coupled_m: tuple[float, float]
    accepted: bool
    reasons: tuple[str, ...] = ()
    imbalance: float = 0.0  # share coupled of the half at positive probe x, less that of the other half
    target_visibility: float | None = None  # share of the target depths, over the whole aperture, that the beam reaches
    shadow_share: float | None = None  # share of the coupled target depths behind something that lets no beam pass
    penetration_m: float | None = None  # depth at which the signal ends
    confidence: float | None = None  # mean of the confidence map over the target depths, 0 where nothing is coupled
    blur: float | None = None  # 0 sharp, 1 blurred
    snr_db: tuple[float, ...] | None = None  # signal to noise power in each quarter of the depth; None before an image in air


@dataclass(frozen=True, slots=True)
class Surface:
    """A point cloud from the depth camera in base coordinates: `points` (N, 3) and unit outward `normals` (N, 3)."""

    stamp_ns: int
    points: Array
    normals: Array


# --- planning and safety ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlannedSkin:
    """The planned skin points in base: `points` (N, 3) and `quality` (N,), NaN where no accepted image covers a point yet."""

    stamp_ns: int
    points: Array
    quality: Array


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """Where the examination stands. `outcome` is '' until concluded, then 'accepted', 'rejected', 'stopped' or
    'aborted'."""

    stamp_ns: int
    mode: str
    phase: str
    coverage: float = 0.0
    repeats: int = 0
    time_left_s: float | None = None
    outcome: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SafetyStatus:
    """The supervisor's verdict: `state` is 'ok', 'retreat' or 'stopped'; `reasons` say why, first cause first."""

    stamp_ns: int
    state: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """A counted run-time fault. `kind` is one of a room's named kinds."""

    stamp_ns: int
    source: str
    kind: str
    detail: str = ""
    values: dict[str, Any] = field(default_factory=dict)
