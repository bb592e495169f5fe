"""The twin's B-mode: what a probe at its true pose sees of the breathing, deformed anatomy.

Refracted rays bring back echoes of interfaces by impedance and both angles and of scatterers that stay with the tissue; two-way attenuation
by frequency and depth; travel times by each tissue's speed, drawn at the 1540 m/s that a machine assumes; a beam with a focus and a slice
with a thickness; gain over depth, noise, and reverberation at the face. `docs/derivations.md` has the formulas.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.config import CellConfig, ImagingSection
from medrobot_ros.geometry.pose import inverse
from medrobot_ros.imaging.probe import ProbeGeometry, load_probe
from medrobot_ros.imaging.scan_conversion import ScanConverter, ScanLines, image_geometry, pixel_centres
from medrobot_ros.signals import Array, Image, ImageGeometry, PatientTruth
from medrobot_ros.twin.anatomy import MATERIALS, Material, inside_of
from medrobot_ros.twin.body import Body, load_body
from medrobot_ros.twin.chart import Chart
from medrobot_ros.twin.echo import compress
from medrobot_ros.twin.patient import skin_of
from medrobot_ros.twin.pulsation import beats
from medrobot_ros.twin.render import Scene, View, make_renderer
from medrobot_ros.twin.speckle import Scatterers
from medrobot_ros.twin.tables import Tables
from medrobot_ros.twin.vessel import Vessel

SAMPLES = 512  # along a line
GEL_M = 0.0025  # an element farther than this from the skin has no coupling
LEAST = 1e-10  # amplitude, black in any range
SUBAPERTURE = 16  # a line couples by this share of the elements about it: 1 / 16
NO_POINTS: Array = np.zeros((0, 4))


class TwinUltrasound:
    """Images of a labelled volume below a body's skin. Deterministic: the same truth gives the same image.

    `materials` are those of the labels from 0, which is gel; `points` (n, 4) are point reflectors: skin coordinates [m] and amplitude
    against full scale; `vessels` in the labels widen and narrow `heart_hz` times a second, counted from stamp 0.
    """

    def __init__(
        self,
        settings: ImagingSection,
        probe: ProbeGeometry,
        body: Body,
        labels: NDArray[np.uint8],
        seed: int,
        points: Array = NO_POINTS,
        materials: Sequence[Material] = tuple(MATERIALS.values()),
        vessels: tuple[Vessel, ...] = (),
        heart_hz: float = 0.0,
    ) -> None:
        self._settings, self._vessels, self._heart_hz = settings, vessels, heart_hz
        self.scan = ScanLines.of_probe(probe, SAMPLES, settings.depth_m)
        self._geometry = image_geometry(probe, self.scan, settings.most_pixels)
        self._convert = ScanConverter(self.scan, *pixel_centres(self._geometry))
        self._chart = Chart(self.scan, probe.elements_m(), skin_of(body))
        self._unseen = np.zeros((self.scan.lines, 2, 3, 3), np.float32)  # the chart of an image that no element sees anything of
        self._whole = probe.kind == "phased"  # every element forms every line
        tables = Tables.of(settings, probe, self.scan, materials)
        self._scatterers = Scatterers(np.random.default_rng([seed, 5]), tables.grain)
        gain, noise = (np.float32(10.0 ** (db / 20.0)) for db in (settings.gain_db, settings.noise_db))
        self.scene = Scene(self.scan.lines, labels, np.asarray(points, np.float32), tables, self._scatterers, gain, noise)
        self._render = make_renderer(settings.device, self.scene)
        self._seen_ns: int | None = None
        self._image(0, np.eye(4), 0.0)  # compiles, so that the first real image is on time

    def geometry(self) -> ImageGeometry:
        """How the images lie in the probe frame."""
        return self._geometry

    def acquire(self, stamp_ns: int, truth: PatientTruth | None) -> Image | None:
        """The image at the newest truth, stamped as that; None where there is no newer one than last time."""
        if truth is None or truth.stamp_ns == self._seen_ns:
            return None
        self._seen_ns = truth.stamp_ns
        T_patient_probe = inverse(truth.T_base_patient) @ truth.T_base_probe
        return self._image(truth.stamp_ns, T_patient_probe, truth.breathing_offset_m)

    def faults(self) -> tuple[str, ...]:
        """It leaves nothing out."""
        return ()

    def _image(self, stamp_ns: int, T_patient_probe: Array, breathing_offset_m: float) -> Image:
        return Image(stamp_ns, self._convert(self.echoes(stamp_ns, T_patient_probe, breathing_offset_m)))

    def echoes(self, stamp_ns: int, T_patient_probe: Array, breathing_offset_m: float) -> NDArray[np.uint8]:
        """Log-compressed scan lines (lines, samples) before scan conversion: full scale is white, the dynamic range below it black."""
        envelope = self.envelope(stamp_ns, T_patient_probe, breathing_offset_m)
        envelope += np.float32(LEAST)
        grey = np.empty(envelope.shape, np.uint8)
        grey_per_octave = np.float32(255.0 * 20.0 * np.log10(2.0) / self._settings.dynamic_range_db)
        compress(envelope.view(np.int32).reshape(-1), grey_per_octave, grey.reshape(-1))
        return grey

    def envelope(self, stamp_ns: int, T_patient_probe: Array, breathing_offset_m: float) -> NDArray[np.float32]:
        """Amplitude of scan lines (lines, samples) after gain over depth, 1 at full scale."""
        return self._render(self.view(stamp_ns, T_patient_probe, breathing_offset_m))

    def view(self, stamp_ns: int, T_patient_probe: Array, breathing_offset_m: float) -> View:
        """What the renderer is told of a moment."""
        share = _coupling(self._chart.element_depths_m(T_patient_probe, breathing_offset_m), self._whole)
        chart = self._chart.at(T_patient_probe, breathing_offset_m) if share.any() else self._unseen
        frame = (stamp_ns // 1_000_000 * 2_654_435_761) & 0xFFFFF  # scatters the milliseconds over the noise
        vessels = beats(self._vessels, 2.0 * np.pi * self._heart_hz * 1e-9 * stamp_ns)
        return View(chart, vessels, self._scatterers.axes(T_patient_probe), share, frame)


def _coupling(element_depth_m: Array, whole: bool) -> NDArray[np.float32]:
    """Share (lines,) of the elements that form each line, those about it or the `whole` face, that touch skin or gel."""
    touching = (element_depth_m > -GEL_M).astype(float)
    if whole:
        return np.full(len(touching), touching.mean(), np.float32)
    kernel = np.ones(2 * (len(touching) // (2 * SUBAPERTURE)) + 1)
    share = np.convolve(touching, kernel, "same") / np.convolve(np.ones_like(touching), kernel, "same")
    return share.astype(np.float32)


def make(config: CellConfig) -> TwinUltrasound:
    """The source from the configuration."""
    body = load_body(config.body.mesh)
    inside = inside_of(config, body)
    return TwinUltrasound(
        config.imaging, load_probe(config.probe.name), body, inside.labels, config.seed,
        materials=inside.materials, vessels=inside.vessels, heart_hz=config.twin.pulse.frequency_hz,
    )  # fmt: skip
