"""Every setting of the cell, with its unit, range, meaning and only default, and how files and options are laid over them.

`resolve` merges files and `--set` pairs over the defaults; nodes declare the same fields as ROS parameters. Keys are dotted:
`contact.force_n`, `twin.tissue.stiffness_n_per_m`.
"""

from medrobot_ros.config.layers import Key, as_dict, from_dict, keys, merge, nested, parse_set, resolve
from medrobot_ros.config.sections import (
    ArmSection,
    BodySection,
    BreathingSection,
    CameraSection,
    CellConfig,
    ContactSection,
    HardwareSection,
    ImageServoSection,
    ImagingSection,
    ProbeSection,
    PulseSection,
    QualitySection,
    RecordingSection,
    RosSection,
    SafetySection,
    ScanSection,
    ShiftSection,
    TissueSection,
    TwinSection,
    own_file,
)
from medrobot_ros.config.yaml_files import load_yaml, section_as_yaml

__all__ = [
    "ArmSection",
    "BodySection",
    "BreathingSection",
    "CameraSection",
    "CellConfig",
    "ContactSection",
    "HardwareSection",
    "ImageServoSection",
    "ImagingSection",
    "Key",
    "ProbeSection",
    "PulseSection",
    "QualitySection",
    "RecordingSection",
    "RosSection",
    "SafetySection",
    "ScanSection",
    "ShiftSection",
    "TissueSection",
    "TwinSection",
    "as_dict",
    "from_dict",
    "keys",
    "load_yaml",
    "merge",
    "nested",
    "own_file",
    "parse_set",
    "resolve",
    "section_as_yaml",
]
