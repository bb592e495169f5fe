"""What follows a recorded examination: its summary, its volume, its report. The same after `scan`, `simulate` and `report`."""

from pathlib import Path
from typing import Any

from medrobot_ros.imaging.preview import annotated
from medrobot_ros.imaging.reconstruction import compound_run
from medrobot_ros.recording.metrics import summarise
from medrobot_ros.recording.reader import Run
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
