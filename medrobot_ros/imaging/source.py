"""Where images come from: the contract, and the sources by name."""

from typing import Protocol, runtime_checkable

from medrobot_ros.config import CellConfig
from medrobot_ros.plugins import Plugins
from medrobot_ros.signals import Image, ImageGeometry, PatientTruth

SOURCES = Plugins(
    "image source",
    "medrobot_ros.image_sources",
    {"twin": "medrobot_ros.twin.ultrasound:make", "playback": "medrobot_ros.imaging.playback:make"},
)


@runtime_checkable
class ImageSource(Protocol):
    """A scanner, real or not. It never waits: `acquire` returns the newest image, or None where there is none."""

    def geometry(self) -> ImageGeometry:
        """How its images lie in the probe frame."""
        ...

    def acquire(self, stamp_ns: int, truth: PatientTruth | None) -> Image | None:
        """The image at a moment, stamped at its acquisition. `truth` is for a twin's source alone."""
        ...

    def faults(self) -> tuple[str, ...]:
        """What it has had to leave out since it was last asked, a line each that names where that was."""
        ...


def make_source(config: CellConfig) -> ImageSource:
    """The configured source. `UnknownName` lists the valid ones."""
    made: ImageSource = SOURCES.load(config.imaging.source)(config)
    return made
