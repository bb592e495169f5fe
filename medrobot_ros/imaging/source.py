"""Where images come from: the contract, and the sources by name."""

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

from medrobot_ros.config import CellConfig
from medrobot_ros.errors import UnknownName
from medrobot_ros.signals import Image, ImageGeometry, PatientTruth

GROUP = "medrobot_ros.image_sources"
_SOURCES = {"twin": "medrobot_ros.twin.ultrasound:make", "playback": "medrobot_ros.imaging.playback:make"}


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


def source_names() -> tuple[str, ...]:
    """Sources of this package and of others' entry points."""
    return tuple(sorted({*_SOURCES, *(e.name for e in entry_points(group=GROUP))}))


def make_source(config: CellConfig) -> ImageSource:
    """The configured source. `UnknownName` lists the valid ones."""
    name = config.imaging.source
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return entry.load()(config)  # type: ignore[no-any-return]
    if name not in _SOURCES:
        raise UnknownName("image source", name, source_names())
    module, _, function = _SOURCES[name].partition(":")
    made: Any = getattr(import_module(module), function)(config)
    return made  # type: ignore[no-any-return]
