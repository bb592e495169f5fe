"""The twin's truth in four messages, and together again."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import atan2, cos, sin
from typing import Any

import numpy as np

from medrobot_ros.geometry.pose import pose
from medrobot_ros.interfaces import Topic
from medrobot_ros.messages.checks import finite, framed_stamp, rigid, six, stamp_of
from medrobot_ros.messages.kit import Decode, Encode, Kit
from medrobot_ros.messages.vectors import wrench_message
from medrobot_ros.signals import PatientTruth

PATIENT_VALUES = (
    "breathing_phase", "breathing_offset", "indentation", "patient_x", "patient_y", "patient_z", "patient_yaw",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TruthPart:
    """What one of the four `twin/` messages carries of a `PatientTruth`: its field names and their values."""

    stamp_ns: int
    values: dict[str, Any]


def encode_true_wrench(kit: Kit, row: Topic, s: PatientTruth) -> Any:
    return wrench_message(kit, s.stamp_ns, row.frame, s.F_tissue_on_probe_in_probe)


def decode_true_wrench(kit: Kit, row: Topic, m: Any) -> TruthPart:
    F = six(m.wrench.force, m.wrench.torque)
    return TruthPart(framed_stamp(row, m.header), {"F_tissue_on_probe_in_probe": F})


def true_pose(field: str) -> tuple[Encode, Decode]:
    """For the truth's pose `field`."""

    def encode(kit: Kit, row: Topic, s: PatientTruth) -> Any:
        return kit.pose_stamped(s.stamp_ns, row.frame, getattr(s, field))

    def decode(kit: Kit, row: Topic, m: Any) -> TruthPart:
        return TruthPart(framed_stamp(row, m.header), {field: rigid(m.pose.position, m.pose.orientation)})

    return encode, decode


def patient_values(s: PatientTruth) -> tuple[float, ...]:
    """The seven values of `twin/patient`, in the order of `PATIENT_VALUES`. A patient turns about base z only."""
    (r00, _, _, x), (r10, _, _, y), (_, _, _, z), _ = s.T_base_patient.tolist()
    return s.breathing_phase_rad, s.breathing_offset_m, s.indentation_m, x, y, z, atan2(r10, r00)


def encode_patient(kit: Kit, row: Topic, s: PatientTruth) -> Any:
    none = np.empty(0)
    return kit.joint_state(s.stamp_ns, PATIENT_VALUES, np.array(patient_values(s)), none, none)


def decode_patient(kit: Kit, row: Topic, m: Any) -> TruthPart:
    if tuple(m.name) != PATIENT_VALUES:
        raise ValueError(f"values {', '.join(m.name)} instead of {', '.join(PATIENT_VALUES)}")
    phase, offset, indentation, x, y, z, yaw = finite(m.position, len(PATIENT_VALUES)).tolist()
    R = np.array([[cos(yaw), -sin(yaw), 0.0], [sin(yaw), cos(yaw), 0.0], [0.0, 0.0, 1.0]])
    return TruthPart(stamp_of(m.header), {
        "breathing_phase_rad": phase, "breathing_offset_m": offset, "indentation_m": indentation,
        "T_base_patient": pose(R, np.array([x, y, z])),
    })  # fmt: skip


TRUTH_TOPICS = ("twin/contact_wrench", "twin/probe_pose", "twin/skin_pose", "twin/patient")
INCOMPLETE_TRUTHS = 20  # that wait for their last part: what a lost message leaves is dropped


class TruthMerge:
    """Puts `PatientTruth` together again from its messages on those of the `topics` that a node hears, by their stamp.

    What arrives on none of them is NaN, so that whoever uses it notices.
    """

    def __init__(self, topics: Iterable[str] = TRUTH_TOPICS) -> None:
        self._topics = frozenset(topics)
        self._nothing: dict[str, Any] = {
            "F_tissue_on_probe_in_probe": np.full(6, np.nan),
            **{n: np.full((4, 4), np.nan) for n in ("T_base_probe", "T_base_skin", "T_base_patient")},
            **dict.fromkeys(("breathing_phase_rad", "breathing_offset_m", "indentation_m"), np.nan),
        }
        self._parts: dict[int, dict[str, TruthPart]] = {}

    def add(self, name: str, part: TruthPart) -> PatientTruth | None:
        """The truth of this part's stamp once its last part has come, else `None`."""
        heard = self._parts.setdefault(part.stamp_ns, {})
        heard[name] = part
        if heard.keys() < self._topics:
            if len(self._parts) > INCOMPLETE_TRUTHS:
                del self._parts[min(self._parts)]
            return None
        self._parts = {stamp: parts for stamp, parts in self._parts.items() if stamp > part.stamp_ns}
        values = {key: value for p in heard.values() for key, value in p.values.items()}
        return PatientTruth(part.stamp_ns, **{**self._nothing, **values})
