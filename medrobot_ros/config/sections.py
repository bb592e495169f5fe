"""Every setting of the cell: one frozen dataclass a section. The defaults here are the only ones."""

from dataclasses import dataclass, field
from pathlib import Path

from medrobot_ros.config.setting import Section, setting
from medrobot_ros.errors import ConfigError


def own_file(name: str) -> Path | None:
    """The path that a name is, None where it is the name of something registered."""
    return Path(name) if name.endswith((".yaml", ".yml")) else None


@dataclass(frozen=True)
class ArmSection(Section):
    name: str = setting("fr3", "which arm: a name that `medrobot arms` lists, or a YAML file of one's own")

    @property
    def label(self) -> str:
        """What folders and reports call it."""
        file = own_file(self.name)
        return self.name if file is None else file.stem


@dataclass(frozen=True)
class ProbeSection(Section):
    name: str = setting("curvilinear", "which probe, by its file in config/probes")
    calibration: str = setting("", "the probe's measured tool point, weight and image (YAML of `medrobot calibrate`)")


@dataclass(frozen=True)
class CameraSection(Section):
    """The depth camera, and three spheres on the table by which its place is verified."""

    calibration: str = setting("", "the camera's measured place on the base (YAML of `medrobot calibrate hand-eye`)")
    spheres_m: tuple[float, ...] = setting(
        (-0.27, -0.22, -0.21, -0.27, 0.22, -0.21, 0.27, 0.0, -0.21), "the spheres' centres, x y z each, against `body`'s place", "m", -2, 2
    )
    sphere_radius_m: float = setting(0.02, "the spheres' radius", "m", 0.015, 0.05)


@dataclass(frozen=True)
class BodySection(Section):
    mesh: str = setting("", "a watertight surface mesh to lie on the table instead of the analytic torso")
    position_m: tuple[float, float, float] = setting((0.55, 0.0, 0.06), "patient frame in base, on the skin at mid-breath", "m", -2, 2)
    yaw_rad: float = setting(0.0, "patient's turn about base z; 0 lays the head along base +y", "rad", -3.15, 3.15)


@dataclass(frozen=True)
class TissueSection(Section):
    stiffness_n_per_m: float = setting(800.0, "tangent stiffness at 5 N under the probe", "N/m", 200, 2000)
    hardening: float = setting(0.3, "share of the tangent at 5 N that comes from stiffening; 0 is linear", "", 0, 0.8)
    damping_s: float = setting(0.02, "viscous time: force per indentation speed over stiffness", "s", 0, 0.2)
    friction: float = setting(0.1, "Coulomb friction of a gelled probe on skin", "", 0, 1)


@dataclass(frozen=True)
class BreathingSection(Section):
    amplitude_m: float = setting(0.005, "peak along the local skin normal", "m", 0, 0.015)
    frequency_hz: float = setting(0.25, "breaths a second", "Hz", 0.05, 1.0)


@dataclass(frozen=True)
class PulseSection(Section):
    amplitude_m: float = setting(0.0, "peak of the pulse along the skin normal", "m", 0, 0.003)
    frequency_hz: float = setting(1.1, "heart beats a second", "Hz", 0.5, 3.0)


@dataclass(frozen=True)
class ShiftSection(Section):
    """A patient who moves once, for tests and demonstrations."""

    offset_m: tuple[float, float, float] = setting((0.0, 0.0, 0.0), "where to, in the base frame", "m", -0.2, 0.2)
    time_s: float = setting(0.0, "when, counted from the first contact; 0 never", "s", 0, 1e4)
    duration_s: float = setting(1.0, "how long it takes", "s", 0.05, 60)


@dataclass(frozen=True)
class TwinSection(Section):
    tissue: TissueSection = field(default_factory=TissueSection)
    breathing: BreathingSection = field(default_factory=BreathingSection)
    pulse: PulseSection = field(default_factory=PulseSection)
    shift: ShiftSection = field(default_factory=ShiftSection)
    camera_m: tuple[float, float, float] = setting((0.55, 0.0, 1.2), "depth camera in base, in truth; it looks straight down", "m", -3, 3)


@dataclass(frozen=True)
class HardwareSection(Section):
    name: str = setting("mock", "which hardware backend")
    vendor: str = setting("", "whose ROS 2 driver (`ros2_control` hardware); empty takes the arm's own maker's")
    namespace: str = setting("", "namespace of that driver; empty takes its usual one")
    prefix: str = setting("", "prefix of that driver's joint names")
    rate_hz: float = setting(500.0, "control rate", "Hz", 50, 1000)
    servo_lag_s: float = setting(0.005, "time constant of the joint servos", "s", 0, 0.1)
    latency_s: float = setting(0.001, "one-way latency between controller and joints", "s", 0, 0.02)
    jitter_s: float = setting(0.0001, "standard deviation of that latency", "s", 0, 0.01)
    encoder_noise_rad: float = setting(2e-6, "standard deviation of a joint reading", "rad", 0, 0.01)
    force_noise_n: float = setting(0.05, "standard deviation of a force reading", "N", 0, 2)
    torque_noise_nm: float = setting(0.002, "standard deviation of a F/T torque reading", "Nm", 0, 0.5)
    force_bias_n: float = setting(2.0, "size of the F/T sensor's constant bias, drawn by seed", "N", 0, 20)
    command_timeout_s: float = setting(0.02, "silence after which the arm decelerates to a hold", "s", 0.004, 1)


@dataclass(frozen=True)
class ContactSection(Section):
    force_n: float = setting(5.0, "force reference along the beam", "N", 1, 12, live="planner")
    approach_speed_m_per_s: float = setting(0.02, "speed towards skin not yet touched", "m/s", 0.001, 0.02)
    approach_m: float = setting(0.10, "how far an approach may travel before it gives up", "m", 0.02, 0.3)
    touch_n: float = setting(0.8, "force that counts as touch", "N", 0.3, 3)
    lost_n: float = setting(0.3, "force below which contact counts as lost", "N", 0.1, 2)
    lost_s: float = setting(0.1, "how long it has to stay below", "s", 0.01, 2)
    seat_s: float = setting(1.0, "time near the reference force before a scan may begin", "s", 0.1, 10)
    search_speed_m_per_s: float = setting(0.045, "speed of that search", "m/s", 0.005, 0.06)
    search_m: float = setting(0.03, "how far lost contact is searched along the beam", "m", 0.005, 0.06)
    filter_hz: float = setting(40.0, "corner of the force low-pass", "Hz", 5, 200)
    loop_gain_per_s: float = setting(
        0.0, "force-loop gain, admittance times tissue stiffness; 0 takes the largest that the loop's delay allows", "1/s", 0, 200
    )
    max_speed_m_per_s: float = setting(0.06, "speed along the beam while in contact", "m/s", 0.01, 0.1)
    tilt_gain_per_s: float = setting(4.0, "rate at which the planned orientation is followed", "1/s", 0.1, 20)
    align_gain_per_s: float = setting(0.8, "rate at which the torque that the face feels turns the probe flat; 0 never does", "1/s", 0, 2)
    max_align_rad: float = setting(0.07, "how far that may turn it from the planned orientation", "rad", 0, 0.6)
    track_gain_per_s: float = setting(4.0, "rate at which the planned position is followed", "1/s", 0.1, 20)
    aside_n: float = setting(6.0, "force across the beam that counts as a push", "N", 2, 15)
    yield_m: float = setting(0.025, "how far back a push may move the probe before it lifts off and waits for a person", "m", 0.005, 0.1)
    yield_s: float = setting(1.0, "how long a push may last before the same", "s", 0.1, 5)
    fan_rad: float = setting(0.35, "how far a fan turns to either side, out of the image plane", "rad", 0.02, 0.6)
    rock_rad: float = setting(0.25, "how far rocking turns to either side, within the image plane", "rad", 0.02, 0.6)
    sweep_rad_per_s: float = setting(0.2, "greatest speed of both", "rad/s", 0.02, 0.5)
    retreat_m: float = setting(0.06, "how far the probe lifts off", "m", 0.02, 0.2)
    retreat_speed_m_per_s: float = setting(0.05, "speed of lifting off", "m/s", 0.01, 0.1)


@dataclass(frozen=True)
class ImageServoSection(Section):
    """What the image may ask of contact while scanning."""

    wanted_share: float = setting(0.85, "coupled share of the aperture below which the probe tilts or presses", "", 0, 1)
    max_tilt_rad: float = setting(0.15, "tilt towards the side that does not couple, at most; 0 never tilts", "rad", 0, 0.35)
    tilt_rad_per_s: float = setting(0.2, "speed of the tilt where only one side couples", "rad/s", 0.01, 0.5)
    max_press_n: float = setting(3.0, "force added where little couples on both sides, at most; 0 never presses", "N", 0, 6)
    press_n_per_s: float = setting(1.0, "speed at which it is added", "N/s", 0.1, 5)
    rock_shadow: float = setting(0.3, "shadowed share of the target depths above which the probe rocks", "", 0, 1)
    max_rock_rad: float = setting(0.1, "rock out of the image plane, at most; 0 never rocks", "rad", 0, 0.3)
    rock_rad_per_s: float = setting(0.1, "speed of the rock", "rad/s", 0.01, 0.5)
    return_s: float = setting(3.0, "time constant with which all of it fades once the cause is gone", "s", 0.2, 60)


@dataclass(frozen=True)
class ScanSection(Section):
    size_m: tuple[float, float] = setting((0.12, 0.08), "region: along the body, across the body", "m", 0.02, 0.3)
    center_m: tuple[float, float] = setting((0.0, 0.0), "region's centre against the found patient frame: left, cranial", "m", -0.2, 0.2)
    line_spacing_m: float = setting(0.027, "greatest distance between raster lines", "m", 0.005, 0.06)
    speed_m_per_s: float = setting(0.02, "speed along the lines", "m/s", 0.002, 0.05)
    standoff_m: float = setting(0.05, "distance from the skin at which an approach begins", "m", 0.02, 0.2)
    max_repeats: int = setting(2, "rounds of repeated lines at most", "", 0, 5)
    max_contact_s: float = setting(120.0, "time in contact at most", "s", 5, 1800)
    min_coverage: float = setting(0.95, "coverage needed for acceptance", "", 0, 1)
    shift_pause_m: float = setting(0.010, "patient shift that pauses the scan", "m", 0.003, 0.1)
    gel_share: float = setting(0.2, "coupled share of the aperture below which a pressed probe lacks gel", "", 0, 1)
    gel_s: float = setting(4.0, "how long it has to lack gel before the scan pauses and asks for it", "s", 0.5, 60)
    confirmed: bool = setting(False, "the operator has confirmed the region; on mock hardware nobody needs to")


DEVICES = ("cpu", "gpu", "auto")


@dataclass(frozen=True)
class ImagingSection(Section):
    source: str = setting("twin", "which image source")
    file: str = setting("", "a tracked sequence (.igs.mha) for the playback source")
    calibration: str = setting("", "a PLUS configuration (XML) that says where the playback's pixels lie on the probe")
    labels: str = setting("", "a label volume (.nii, .nii.gz, .mha) or list of meshes (.yaml) to lie below the twin's skin")
    materials: str = setting("", "the materials of a label volume's labels (YAML)")
    labels_origin_mm: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.0), "the point of the labels' own world that lies at the patient frame's origin", "mm", -1e4, 1e4
    )
    rate_hz: float = setting(20.0, "images a second", "Hz", 1, 60)
    simulate_rate_hz: float = setting(10.0, "images a second in `medrobot simulate`", "Hz", 1, 60)
    volume_hz: float = setting(0.5, "how often `volume` shows what the accepted images make up so far; 0 never", "Hz", 0, 5)
    most_pixels: int = setting(160_000, "pixels of an image at most; few keep a recorded examination small", "", 10_000, 1_000_000)
    depth_m: float = setting(0.12, "depth drawn", "m", 0.03, 0.25)
    frequency_hz: float = setting(3.5e6, "centre frequency", "Hz", 1e6, 15e6)
    focus_m: float = setting(0.06, "depth at which the transmitted beam is narrowest", "m", 0.01, 0.25)
    f_number: float = setting(2.0, "depth over width of the aperture that forms a line", "", 1, 8)
    elevation_slices: int = setting(1, "planes across the image that make up its thickness in the twin; 5 for all of it", "", 1, 5)
    device: str = setting("cpu", "where the twin computes its images; auto: a CUDA device if there is one", choices=DEVICES)
    tgc_db_per_cm_mhz: float = setting(0.7, "gain over depth, each way", "dB/cm/MHz", 0, 1.5)
    noise_db: float = setting(-114.0, "the receiver's noise against full scale, before gain over depth", "dB", -140, -40)
    gain_db: float = setting(0.0, "overall gain", "dB", -40, 40)
    dynamic_range_db: float = setting(60.0, "range of echo levels drawn", "dB", 30, 100)


@dataclass(frozen=True)
class QualitySection(Section):
    """What an image must be to be accepted. `config/quality.yaml` lists it, ready to be changed and given with `--config`."""

    # Images show contact and target 0.05 wider than they are (docs/image_quality.md): 0.7 and 0.4 are needed.
    min_contact_share: float = setting(0.76, "share of the aperture that must touch", "", 0, 1)
    min_visibility: float = setting(0.35, "share of the image below the skin that must show signal", "", 0, 1)
    target_m: tuple[float, float] = setting((0.02, 0.09), "depths, from and to, that the examination is about", "m", 0, 0.25)
    min_target_visibility: float = setting(0.45, "share of the target depths that the beam must reach, over the aperture", "", 0, 1)
    max_shadow_share: float = setting(0.5, "share of the coupled target depths that may lie in shadow", "", 0, 1)
    min_confidence: float = setting(0.2, "mean of the confidence map over the target depths, 0 where not coupled", "", 0, 1)
    min_penetration_m: float = setting(0.05, "depth that the signal must reach", "m", 0, 0.25)
    max_blur: float = setting(0.4, "blur allowed, 0 sharp to 1 even; sharp images have about 0.2", "", 0, 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.target_m[0] >= self.target_m[1]:
            raise ConfigError("quality.target_m must begin above where it ends")


@dataclass(frozen=True)
class SafetySection(Section):
    slow_n: float = setting(15.0, "force that slows and yields", "N", 2, 15)
    retract_n: float = setting(25.0, "force that retracts and stops", "N", 5, 25)
    pull_n: float = setting(2.0, "pull along the beam, which skin cannot have, that retracts and stops", "N", 0.5, 5)
    permit_timeout_s: float = setting(0.03, "age of the permit at which the arm brakes", "s", 0.01, 0.05)
    control_timeout_s: float = setting(0.05, "silence after which a control-path node is given up", "s", 0.01, 0.05)
    other_timeout_s: float = setting(0.5, "silence after which another node is given up", "s", 0.05, 0.5)
    following_rad: float = setting(0.05, "distance of a joint from where it was sent at which the arm stops", "rad", 0.01, 0.3)
    following_s: float = setting(0.1, "how long ago it may have been sent there, beyond the servos' lag and latency", "s", 0.02, 0.5)
    force_gap_n: float = setting(8.0, "force of the sensor beside that of the joints' torques at which the arm stops", "N", 2, 50)
    patient_speed_m_per_s: float = setting(0.1, "speed of every point of the arm inside the patient zone", "m/s", 0.02, 0.25)
    free_speed_m_per_s: float = setting(0.4, "speed of every point elsewhere", "m/s", 0.05, 1.0)
    clearance_m: float = setting(0.01, "least distance of the arm from itself, the table and the patient", "m", 0.003, 0.05)
    patient_zone_low_m: tuple[float, float, float] = setting((0.2, -0.4, -0.3), "lower corner of the patient zone in base", "m", -3, 3)
    patient_zone_high_m: tuple[float, float, float] = setting((0.9, 0.4, 0.14), "upper corner of the patient zone in base", "m", -3, 3)
    workspace_low_m: tuple[float, float, float] = setting((0.1, -0.5, -0.1), "lower corner of the tip's workspace in base", "m", -3, 3)
    workspace_high_m: tuple[float, float, float] = setting((0.9, 0.5, 1.2), "upper corner of the tip's workspace in base", "m", -3, 3)


@dataclass(frozen=True)
class RecordingSection(Section):
    enabled: bool = setting(True, "record; without, `medrobot cell` and the launch file start no recorder")
    out: str = setting("runs", "folder that run folders are made in")
    compressed: bool = setting(False, "take the images as PNG, for a network between imaging and the recorder; nothing is lost")
    folder: str = setting("", "this run's folder; empty makes a new one in `out`")


@dataclass(frozen=True)
class RosSection(Section):
    """How the cell's nodes run under ROS 2."""

    executor: str = setting(
        "auto", "what wakes contact and kinematics; auto takes the events executor, half the cost, where this rclpy has it", "",
        choices=("auto", "events", "single"),
    )  # fmt: skip
    together: bool = setting(
        True, "contact and kinematics in one process, where each answers the other directly; false to put a node of your own between them"
    )


@dataclass(frozen=True)
class CellConfig(Section):
    """The whole cell."""

    arm: ArmSection = field(default_factory=ArmSection)
    probe: ProbeSection = field(default_factory=ProbeSection)
    camera: CameraSection = field(default_factory=CameraSection)
    body: BodySection = field(default_factory=BodySection)
    twin: TwinSection = field(default_factory=TwinSection)
    hardware: HardwareSection = field(default_factory=HardwareSection)
    contact: ContactSection = field(default_factory=ContactSection)
    image_servo: ImageServoSection = field(default_factory=ImageServoSection)
    scan: ScanSection = field(default_factory=ScanSection)
    imaging: ImagingSection = field(default_factory=ImagingSection)
    quality: QualitySection = field(default_factory=QualitySection)
    safety: SafetySection = field(default_factory=SafetySection)
    recording: RecordingSection = field(default_factory=RecordingSection)
    ros: RosSection = field(default_factory=RosSection)
    task: str = setting("ultrasound", "which task")
    seed: int = setting(0, "seed of every random draw", "", 0, 2**31 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.contact.lost_n >= self.contact.touch_n:
            raise ConfigError("contact.lost_n must lie below contact.touch_n")
