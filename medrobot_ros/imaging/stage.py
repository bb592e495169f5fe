"""The imaging bridge: a source's images and a verdict on each."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from medrobot_ros.config import CellConfig
from medrobot_ros.imaging.live import LiveVolume
from medrobot_ros.imaging.quality import QualityMeter
from medrobot_ros.imaging.source import ImageSource, make_source
from medrobot_ros.signals import Event, Image, ImageGeometry, PatientTruth, Stamp, TaskStatus
from medrobot_ros.stage import EventLog, Outputs

FAULTS_A_TICK = 5
HEARTBEAT_HZ = 10.0  # at least, however seldom images come


class ImagingStage:
    """Stage `imaging`: an image and its verdict at `image_rate_hz`, as far as the source has them; a heartbeat at every tick.

    The accepted ones of an examination become a volume, shown at `volume_hz`.
    """

    name = "imaging"
    sampled = ("probe/pose",)
    behind = 3  # ticks that are made up for: the machine gives images whether or not this computer has been busy

    def __init__(
        self, source: ImageSource, meter: QualityMeter, image_rate_hz: float, geometry: ImageGeometry | None = None, volume_hz: float = 0.0
    ) -> None:
        self._every = ceil(HEARTBEAT_HZ / image_rate_hz)
        self.rate_hz, self.now_ns = self._every * image_rate_hz, 0
        self._source, self._meter = source, meter
        self._geometry = source.geometry() if geometry is None else geometry  # as it was measured on this probe
        self._volume = LiveVolume(self._geometry) if volume_hz else None
        self._volume_every = max(1, round(self.rate_hz / volume_hz)) if volume_hz else 0
        self._examining = False
        self._events = EventLog(self.name)
        self._heard: PatientTruth | None = None  # the newest
        self._truth: PatientTruth | None = None  # the newest that is numbers
        self._newest_ns = -1
        self._ticks = 0
        self._faults, self._fault_count = deque[str](), 0

    def receive(self, topic: str, signal: Any) -> Outputs:
        """The truth, which a twin's source draws; the probe's pose and the examination's state, for the volume."""
        if topic.startswith("twin/") and signal is not self._heard:  # in one process it comes on all of its topics at once
            self._heard = signal
            self._truth = signal if signal.finite else self._truth
        elif topic == "probe/pose" and self._volume is not None:
            self._volume.hear(signal)
        elif topic == "task/state":
            self._begin_volume(signal)
        return ()

    def _begin_volume(self, task: TaskStatus) -> None:
        """Anew with each examination."""
        examining = task.mode != "idle" and not task.outcome
        if self._volume is not None and examining and not self._examining:
            self._volume.clear()
        self._examining = examining

    def tick(self, stamp_ns: int) -> Outputs:
        """Heartbeat, the geometry once, and an image with its verdict when one is due and the source has it."""
        out: list[tuple[str, Any]] = [("heartbeat", Stamp(stamp_ns, self.name))]
        if self._ticks == 0:
            out.append(("image/geometry", replace(self._geometry, stamp_ns=stamp_ns)))
        if self._ticks % self._every == 0:
            image = self._source.acquire(stamp_ns, self._truth)
            self._faults.extend(self._source.faults())
            if image is not None and self._fits(image):
                self._newest_ns = image.stamp_ns
                quality = self._meter.assess(image)
                out += [("image", image), ("image/quality", quality)]
                if quality.accepted and self._examining and self._volume is not None:
                    self._volume.add(image)
        out += self._grown(stamp_ns)
        self._ticks += 1
        return [*out, *self._named_faults(stamp_ns), *self._events.drain(stamp_ns)]

    def _grown(self, stamp_ns: int) -> list[tuple[str, Any]]:
        """The volume with the images whose poses are known by now, when it is due and has grown."""
        if self._volume is None:
            return []
        self._volume.advance()
        cloud = self._volume.cloud(stamp_ns) if self._ticks % self._volume_every == 0 else None
        return [] if cloud is None else [("volume", cloud)]

    def _named_faults(self, stamp_ns: int) -> list[tuple[str, Event]]:
        """Each of the source's faults by itself, a few at a time, with their running count, once an examination records them."""
        out = []
        for fault in [self._faults.popleft() for _ in range(min(FAULTS_A_TICK, len(self._faults)) if self._examining else 0)]:
            self._fault_count += 1
            out.append(("events", Event(stamp_ns, self.name, "bad_frame", fault, {"count": self._fault_count})))
        return out

    def _fits(self, image: Image) -> bool:
        """Whether the image is newer than the last and as the geometry says; it is counted and dropped otherwise."""
        geometry = self._source.geometry()
        if image.stamp_ns <= self._newest_ns:
            self._events.add(image.stamp_ns, "out_of_order", "image")
        elif image.pixels.shape != (geometry.rows, geometry.columns) or image.pixels.dtype != np.uint8:
            self._events.add(image.stamp_ns, "bad_image", f"{image.pixels.dtype} {image.pixels.shape}")
        else:
            return True
        return False

    def call(self, service: str) -> tuple[bool, str]:
        """No services."""
        return False, f"imaging serves no '{service}'"


def make_imaging(
    config: CellConfig,
    image_rate_hz: float | None = None,
    calibrated: Callable[[ImageGeometry], ImageGeometry] = lambda geometry: geometry,
) -> ImagingStage:
    """The stage from the configuration; `image_rate_hz` replaces `imaging.rate_hz`, `calibrated` corrects the source's geometry."""
    source, c = make_source(config), config.imaging
    geometry = source.geometry()
    meter = QualityMeter(geometry, config.quality, c.dynamic_range_db)
    meter.assess(Image(0, np.full((geometry.rows, geometry.columns), 200, np.uint8)))  # compiles, so that the first tick is on time
    return ImagingStage(source, meter, c.rate_hz if image_rate_hz is None else image_rate_hz, calibrated(geometry), c.volume_hz)
