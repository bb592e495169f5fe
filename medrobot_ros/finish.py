"""What follows a recorded examination: its summary, its volume, its report. The same after `scan`, `simulate` and `report`.

A volume can be made once more later, without the patient's breathing.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from medrobot_ros.errors import DataError
from medrobot_ros.imaging.gating import Breathing, estimate_breathing
from medrobot_ros.imaging.preview import annotated
from medrobot_ros.imaging.reconstruction import compound_run, reconstruct_run
from medrobot_ros.pressing import run_pressing
from medrobot_ros.recording.metrics import summarise
from medrobot_ros.recording.reader import Moved, Run, unmoved
from medrobot_ros.recording.report import write_report, write_summary


def finish_run(folder: Path) -> dict[str, Any]:
    """Writes `summary.json`, `volume.mha` and `report.html` into a run folder; returns the summary.

    Raises: DataError where the folder holds no readable record.
    """
    run = Run(folder)
    summary = summarise(run)
    volume = compound_run(run.tracked_images(), folder / "volume.mha")
    write_summary(folder, summary)
    write_report(folder, run, summary, volume, annotated)
    return summary


def reconstruct_again(
    folder: Path, out: Path, breathing: str, width_m: float, changes: Mapping[str, Any], latency_s: float = 0.0, pressing: str = "leave"
) -> dict[str, Any]:
    """The volume of a run with other settings, its breathing left in ("none"), taken out of the poses ("compensate"), or with only the
    images within `width_m` of the end of expiration ("gate"); the probe's pressing left in ("leave") or undone ("undo"). Images were
    taken `latency_s` before their stamps. Returns what it did.

    Raises: DataError where the folder holds no readable record, too few breaths, or too little of how the tissue gives way.
    """
    run = Run(folder)
    if breathing == "none" and pressing == "leave":
        return reconstruct_run(run.tracked_images(latency_s=latency_s), run.geometry, out, changes)
    breath = run_breathing(run)
    ways: dict[str, Moved] = {"none": unmoved, "compensate": breath.compensated, "gate": partial(breath.gated, width_m=width_m)}
    pressed = run_pressing(run, breath, latency_s) if pressing == "undo" else None
    images = run.tracked_images(ways[breathing], latency_s)
    figures = reconstruct_run(images, run.geometry, out, changes, pressed.rest_rows if pressed else None)
    return {**figures, **(breath.figures() if breathing != "none" else {}), **(pressed.figures() if pressed else {})}


def run_breathing(run: Run) -> Breathing:
    """The breathing in a run's poses and forces while contact scans. Raises: DataError where they hold too little of it."""
    poses, wrenches, states = run.poses("probe/pose"), run.vectors("contact/wrench"), run.signals("contact/state")
    if not (len(poses) and len(wrenches) and states):
        raise DataError(f"{run.folder}: no poses or forces in contact to find the breathing in")
    since = np.searchsorted([s.stamp_ns for s in states], poses.stamps_ns, side="right") - 1
    scanning = (since >= 0) & np.array([s.state == "scan" for s in states])[since]
    stamps_ns = poses.stamps_ns[scanning]
    push_n = -np.interp(stamps_ns, wrenches.stamps_ns, wrenches.values[:, 2])
    return estimate_breathing(stamps_ns, poses.values[scanning], push_n)
