"""Which images of a sequence can be used, where they lie in the reference frame, and why the others cannot."""

from collections.abc import Sequence
from dataclasses import dataclass

from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import inverse
from medrobot_ros.imaging.sequence import Sequence as Recorded
from medrobot_ros.signals import Array

PROBE, REFERENCE = "ProbeToTracker", "ReferenceToTracker"


@dataclass(frozen=True)
class Tracked:
    """`frames` are (index, `T_reference_probe` (4, 4) [mm]) of the good ones; `skipped` names each other one's file, field and fault."""

    frames: tuple[tuple[int, Array], ...]
    skipped: tuple[str, ...]

    def counts(self) -> dict[str, int | str]:
        """How many were used and skipped, and each skipped one's fault."""
        return {"frames": len(self.frames), **numbered("skipped", self.skipped)}


def numbered(name: str, faults: Sequence[str]) -> dict[str, int | str]:
    """How many faults, and each of them."""
    return {name: len(faults), **{f"{name} {n}": fault for n, fault in enumerate(faults, 1)}}


def tracked_frames(sequence: Recorded) -> Tracked:
    """The frames whose image and transforms are good. Raises: DataError where there is none."""
    frames, skipped = [], []
    for k, frame in enumerate(sequence.frames):
        missing = [name for name in (PROBE, REFERENCE) if name not in frame.transforms]
        if frame.ok and not missing:
            frames.append((k, inverse(frame.transforms[REFERENCE]) @ frame.transforms[PROBE]))
        else:
            skipped.append(_fault(k, frame.ok, missing, frame.problems))
    if not frames:
        raise DataError(f"{sequence.path}: none of its {len(skipped)} images has a pose; {skipped[0]}")
    return Tracked(tuple(frames), tuple(f"{sequence.path}: {fault}" for fault in skipped))


def _fault(k: int, ok: bool, missing: list[str], problems: tuple[str, ...]) -> str:
    """The field that keeps a frame from being used: one that is there and wrong, else one that is not there."""
    concerned = [p for p in problems if not ok or any(name in p for name in missing)]
    return concerned[0] if concerned else f"Seq_Frame{k:04d}_{missing[0]}Transform is missing"
