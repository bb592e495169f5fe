"""The twin's B-mode: what a probe at its true pose sees of the breathing, deformed anatomy.

Straight lines of sight (no refraction) with two-way attenuation and transmission, an echo at each step of impedance that depends
on the angle, speckle that stays with the tissue, each layer's own speed against the 1540 m/s that the machine assumes, gain over
depth, electronic noise, and reverberation where an element does not touch.
"""

from math import exp, log10, pi

import numba
import numpy as np
from numpy.typing import NDArray

from medrobot_ros.config import CellConfig, ImagingSection
from medrobot_ros.geometry.pose import inverse
from medrobot_ros.imaging.probe import ProbeGeometry, load_probe
from medrobot_ros.imaging.scan_conversion import ScanConverter, ScanLines, image_geometry, pixel_centres
from medrobot_ros.signals import Array, Image, ImageGeometry, PatientTruth
from medrobot_ros.twin.anatomy import LOW_M, MATERIALS, VOXEL_M, Anatomy, Tissue
from medrobot_ros.twin.body import Body, load_body
from medrobot_ros.twin.patient import skin_below

SAMPLES = 512  # along a line
KNOT_LINES, KNOT_SAMPLES = 25, 17  # where lines of sight are followed exactly; linear in between
ASSUMED_SPEED_M_PER_S = 1540.0
GEL_M = 0.0025  # an element farther than this from the skin has no coupling
INDENTATION_DECAY_M = 0.04  # depth over which the tissue's displacement under the probe fades
SUBAPERTURE = 16  # a line is formed by this share of the elements about it: 1 / 16

TGC_DB_PER_CM_MHZ, MAX_TGC_DB = 0.7, 60.0
NOISE_DB = -114.0  # of the receiver, against full scale, before gain over depth
ECHO = 10.0 ** (8.0 / 20.0)  # a full reflection seen along its normal, against full scale
DIRECTIVITY = 6  # power of the cosine between beam and interface
DIFFUSE = 0.08  # share of an interface's echo that comes back at any angle
REVERBERATION_DB, REVERBERATION_DB_PER_M, REVERBERATION_PERIOD_M = -14.0, 5500.0, 0.0015
REFERENCE_HZ, SCATTER_EXPONENT = 3.5e6, 0.6  # scattered amplitude grows with frequency to this power

SPECKLE_SHAPE, SPECKLE_PITCH, SPECKLE_SIGMA = (64, 64, 256), (1.0, 1.0, 0.4), 0.9  # pitch in wavelengths along x, y, depth
STRUCTURE_SHAPE, STRUCTURE_PITCH_M, STRUCTURE_SIGMA = (64, 64, 128), (0.0012, 0.0012, 0.0004), 2.0
STRUCTURE_GAIN = 0.4
PULSE = np.exp(-0.5 * (np.arange(-3, 4) / 1.2) ** 2).astype(np.float32)  # of an interface, in samples


def random_tile(rng: np.random.Generator, shape: tuple[int, int, int], sigma: float) -> NDArray[np.complex64]:
    """Complex Gaussian noise of unit mean power that repeats seamlessly, smooth over `sigma` voxels."""
    white = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    low_pass = [np.exp(-2.0 * (pi * sigma * np.fft.fftfreq(n)) ** 2) for n in shape]
    tile = np.fft.ifftn(np.fft.fftn(white) * low_pass[0][:, None, None] * low_pass[1][:, None] * low_pass[2])
    out: NDArray[np.complex64] = (tile / np.sqrt(np.mean(np.abs(tile) ** 2))).astype(np.complex64)
    return out


class TwinUltrasound:
    """Images of a labelled volume below a body's skin. Deterministic: the same truth gives the same image."""

    def __init__(
        self, settings: ImagingSection, probe: ProbeGeometry, body: Body, labels: NDArray[np.uint8], seed: int
    ) -> None:
        self._scan = ScanLines.of_probe(probe, SAMPLES, settings.depth_m)
        self._geometry = image_geometry(probe, self._scan)
        self._convert = ScanConverter(self._scan, *pixel_centres(self._geometry))
        zx, zy = body.gradients()
        self._skin = (body.x[0], body.y[0], body.x[1] - body.x[0], body.z, np.ascontiguousarray(zx), np.ascontiguousarray(zy))
        self._labels = labels
        self._materials = _per_sample(settings)
        self._level = (settings.gain_db, settings.dynamic_range_db)
        rng = np.random.default_rng([seed, 5])
        self._speckle = random_tile(rng, SPECKLE_SHAPE, SPECKLE_SIGMA)
        self._structure = np.ascontiguousarray(random_tile(rng, STRUCTURE_SHAPE, STRUCTURE_SIGMA).real) * np.float32(np.sqrt(2.0))
        self._speckle_per_m = (settings.frequency_hz / ASSUMED_SPEED_M_PER_S / np.array(SPECKLE_PITCH)).astype(np.float32)
        depth = settings.depth_m * np.arange(SAMPLES) / SAMPLES
        tgc_db = np.minimum(TGC_DB_PER_CM_MHZ * 2e-4 * settings.frequency_hz * depth, MAX_TGC_DB)
        self._tgc = (10.0 ** (tgc_db / 20.0)).astype(np.float32)
        ripple = 0.5 + 0.5 * np.cos(2.0 * pi * depth / REVERBERATION_PERIOD_M)
        self._reverberation = (10.0 ** ((REVERBERATION_DB - REVERBERATION_DB_PER_M * depth) / 20.0) * ripple).astype(np.float32)
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

    def _image(self, stamp_ns: int, T_patient_probe: Array, breathing_offset_m: float) -> Image:
        return Image(stamp_ns, self._convert(self.echoes(stamp_ns, T_patient_probe, breathing_offset_m)))

    def echoes(self, stamp_ns: int, T_patient_probe: Array, breathing_offset_m: float) -> NDArray[np.uint8]:
        """Log-compressed scan lines (lines, samples) before scan conversion."""
        faces, directions = self._scan.faces_and_directions()
        knots = _lines_of_sight(
            np.ascontiguousarray(T_patient_probe), breathing_offset_m, self._skin, faces, directions, self._scan.depth_m
        )
        share = _coupling(knots[:, 0, 2])
        out = np.empty((self._scan.lines, SAMPLES), np.uint8)
        frame = (stamp_ns // 1_000_000 * 2_654_435_761) & 0xFFFFF  # scatters the milliseconds over the noise
        _render(
            knots, share, self._labels, self._materials, self._speckle, self._speckle_per_m, self._structure,
            self._tgc, self._reverberation, frame, self._level, out,
        )  # fmt: skip
        return out


def _per_sample(settings: ImagingSection) -> NDArray[np.float32]:
    """Rows by `Tissue`: impedance, amplitude kept over one drawn sample, true samples in a drawn one, scattered amplitude, structure."""
    rows = []
    sample_cm, mhz = 100.0 * settings.depth_m / SAMPLES, 1e-6 * settings.frequency_hz
    growth = (settings.frequency_hz / REFERENCE_HZ) ** SCATTER_EXPONENT
    for tissue in Tissue:
        m = MATERIALS[tissue]
        stretch = m.speed_m_per_s / ASSUMED_SPEED_M_PER_S
        loss_db = 2.0 * m.attenuation_db_per_cm_mhz * mhz * sample_cm * stretch
        rows.append((m.impedance_mrayl, 10.0 ** (-loss_db / 20.0), stretch, growth * 10.0 ** (m.scatter_db / 20.0), m.structure))
    return np.array(rows, np.float32)


def _coupling(face_depth_m: Array) -> NDArray[np.float32]:
    """Share (lines,) of the elements that form each line that touch skin or gel; depth of the face below the skin (lines,) [m]."""
    touching = (face_depth_m > -GEL_M).astype(float)
    kernel = np.ones(2 * (len(touching) // (2 * SUBAPERTURE)) + 1)
    share = np.convolve(touching, kernel, "same") / np.convolve(np.ones_like(touching), kernel, "same")
    return share.astype(np.float32)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _lines_of_sight(T_patient_probe, offset, skin, faces, directions, depth):  # type: ignore[no-untyped-def]
    """Skin coordinates (x, y, depth below the breathing skin) [m] of each line's knots, shape (lines, knots, 3).

    They are followed on a coarse grid of lines and knots, and the lines in between are linear.
    """
    x0, y0, step, z, zx, zy = skin
    R, o = T_patient_probe[:3, :3], T_patient_probe[:3, 3]
    coarse = np.empty((KNOT_LINES, KNOT_SAMPLES, 3))
    lines = len(faces)
    for g in range(KNOT_LINES):
        at = g * (lines - 1) / (KNOT_LINES - 1)
        a = min(int(at), lines - 2)
        b = at - a
        for k in range(KNOT_SAMPLES):
            r = k * depth / (KNOT_SAMPLES - 1)
            px = (1.0 - b) * (faces[a, 0] + r * directions[a, 0]) + b * (faces[a + 1, 0] + r * directions[a + 1, 0])
            pz = (1.0 - b) * (faces[a, 1] + r * directions[a, 1]) + b * (faces[a + 1, 1] + r * directions[a + 1, 1])
            p = R[:, 0] * px + R[:, 2] * pz + o
            s, n = skin_below(p, x0, y0, step, z, zx, zy)
            coarse[g, k, 0], coarse[g, k, 1] = s[0], s[1]
            coarse[g, k, 2] = offset - ((p[0] - s[0]) * n[0] + (p[1] - s[1]) * n[1] + (p[2] - s[2]) * n[2])
    knots = np.empty((lines, KNOT_SAMPLES, 3))
    for i in range(lines):
        at = i * (KNOT_LINES - 1) / (lines - 1)
        a = min(int(at), KNOT_LINES - 2)
        b = at - a
        knots[i] = (1.0 - b) * coarse[a] + b * coarse[a + 1]
    return knots


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _undeformed(depth, indentation):  # type: ignore[no-untyped-def]
    """Depth at which tissue lay before it was pushed down by `indentation * exp(-depth / decay)`, by Newton's method."""
    d = max(depth - indentation, 0.0)
    for _ in range(4):
        pushed = indentation * exp(-d / INDENTATION_DECAY_M)
        d -= (d + pushed - depth) / (1.0 - pushed / INDENTATION_DECAY_M)
    return max(d, 0.0)


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _render(knots, share, labels, materials, speckle, per_m, structure, tgc, reverberation, frame, level, out):  # type: ignore[no-untyped-def]
    """Fills `out` (lines, samples) with grey values."""
    lines, samples = out.shape
    gain_db, range_db = level
    per_knot = samples / (KNOT_SAMPLES - 1)
    gain = np.float32(10.0 ** (gain_db / 20.0))
    noise = gain * np.float32(10.0 ** (NOISE_DB / 20.0))
    to_grey, full = np.float32(10.0 * 255.0 / range_db), np.float32(255.0)
    strays = speckle.ravel()  # any complex noise will do
    line = np.empty(samples + len(PULSE), np.complex64)
    here = np.empty((KNOT_SAMPLES + 1, 3), np.float32)
    for i in range(lines):
        line[:] = 0.0
        if share[i] > 0.0:
            indentation = min(max(knots[i, 0, 2], 0.0), 0.75 * INDENTATION_DECAY_M)
            for k in range(KNOT_SAMPLES):
                here[k, 0], here[k, 1] = knots[i, k, 0], knots[i, k, 1]
                d = knots[i, k, 2]
                here[k, 2] = _undeformed(d, indentation) if indentation > 0.0 else d
            here[KNOT_SAMPLES] = 2.0 * here[KNOT_SAMPLES - 1] - here[KNOT_SAMPLES - 2]
            _tissue(here, per_knot, samples, labels, materials, speckle, per_m, structure, share[i] * gain, tgc, line)
        stray = strays[(37 * i + frame) % (len(strays) - samples) :]
        air = (np.float32(1.0) - share[i]) * gain
        for k in range(samples):
            echo = line[k + len(PULSE) // 2] + stray[k] * noise * tgc[k] + air * reverberation[k]
            power = echo.real * echo.real + echo.imag * echo.imag
            grey = full + to_grey * np.float32(log10(power + np.float32(1e-20)))
            out[i, k] = np.uint8(min(max(grey, np.float32(0.0)), full))


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _tissue(knots, per_knot, samples, labels, materials, speckle, per_m, structure, amplitude, tgc, line):  # type: ignore[no-untyped-def]
    """Adds one line's echoes of tissue to `line`, which begins half a pulse early. `knots` (x, y, depth) [m]."""
    nx, ny, nd = labels.shape
    aside = np.float32(4096.0)  # keeps tile coordinates above 0
    along = np.float32(0.0)  # true path, in samples
    knots_per_sample = np.float32(1.0 / per_knot)
    last = np.float32(knots.shape[0] - 1.001)
    previous = -1
    for k in range(samples):
        u = min(along * knots_per_sample, last)
        a = int(u)
        b = np.float32(u - a)
        x = knots[a, 0] + b * (knots[a + 1, 0] - knots[a, 0])
        y = knots[a, 1] + b * (knots[a + 1, 1] - knots[a, 1])
        d = knots[a, 2] + b * (knots[a + 1, 2] - knots[a, 2])
        i = min(max(int((x - LOW_M[0]) / VOXEL_M[0] + 0.5), 2), nx - 3)
        j = min(max(int((y - LOW_M[1]) / VOXEL_M[1] + 0.5), 2), ny - 3)
        m = min(int((d - LOW_M[2]) / VOXEL_M[2] + 0.5), nd - 3)
        label = labels[i, j, m] if d >= 0.0 else 0
        if label != previous and previous >= 0:
            z1, z2 = materials[previous, 0], materials[label, 0]
            reflected = (z2 - z1) / (z2 + z1)
            echo = reflected * amplitude * tgc[k] * _facing(labels, materials, i, j, max(m, 2), knots[a + 1] - knots[a])
            for n in range(len(PULSE)):
                line[k + n] += echo * PULSE[n]  # centred on k
            amplitude *= np.float32(1.0) - reflected * reflected
        previous = label
        scattered = materials[label, 3] * amplitude * tgc[k]
        if scattered > 1e-4:
            s = int(d / STRUCTURE_PITCH_M[2]) & (structure.shape[2] - 1)
            coarse = structure[
                int(x / STRUCTURE_PITCH_M[0] + 4096.0) & (structure.shape[0] - 1),
                int(y / STRUCTURE_PITCH_M[1] + 4096.0) & (structure.shape[1] - 1), s
            ]  # fmt: skip
            scattered *= max(1.0 + STRUCTURE_GAIN * materials[label, 4] * coarse, 0.1)
            line[k + len(PULSE) // 2] += np.float32(scattered) * _scatter(speckle, x * per_m[0] + aside, y * per_m[1] + aside, d * per_m[2])
        amplitude *= materials[label, 1]
        along += materials[label, 2]


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _scatter(speckle, x, y, d):  # type: ignore[no-untyped-def]
    """The scatterers' field at tile coordinates above 0, linear between voxels."""
    i, j, m = int(x), int(y), int(d)
    a, b, c = np.float32(x - i), np.float32(y - j), np.float32(d - m)
    i0, j0, m0 = i & (speckle.shape[0] - 1), j & (speckle.shape[1] - 1), m & (speckle.shape[2] - 1)
    i1, j1, m1 = (i + 1) & (speckle.shape[0] - 1), (j + 1) & (speckle.shape[1] - 1), (m + 1) & (speckle.shape[2] - 1)
    one = np.float32(1.0)
    near = (one - b) * ((one - c) * speckle[i0, j0, m0] + c * speckle[i0, j0, m1])
    near += b * ((one - c) * speckle[i0, j1, m0] + c * speckle[i0, j1, m1])
    far = (one - b) * ((one - c) * speckle[i1, j0, m0] + c * speckle[i1, j0, m1])
    far += b * ((one - c) * speckle[i1, j1, m0] + c * speckle[i1, j1, m1])
    return (one - a) * near + a * far


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _facing(labels, materials, i, j, m, along):  # type: ignore[no-untyped-def]
    """How much of an interface's echo comes back, from the angle between the beam and the gradient of impedance there."""
    gx = (materials[labels[i + 2, j, m], 0] - materials[labels[i - 2, j, m], 0]) / VOXEL_M[0]
    gy = (materials[labels[i, j + 2, m], 0] - materials[labels[i, j - 2, m], 0]) / VOXEL_M[1]
    gd = (materials[labels[i, j, m + 2], 0] - materials[labels[i, j, m - 2], 0]) / VOXEL_M[2]
    size = (gx * gx + gy * gy + gd * gd) * (along[0] * along[0] + along[1] * along[1] + along[2] * along[2])
    if size == 0.0:
        return np.float32(ECHO * DIFFUSE)
    cosine = (gx * along[0] + gy * along[1] + gd * along[2]) / np.sqrt(size)
    return np.float32(ECHO * (DIFFUSE + (1.0 - DIFFUSE) * abs(cosine) ** DIRECTIVITY))


def make(config: CellConfig) -> TwinUltrasound:
    """The source from the configuration."""
    return TwinUltrasound(
        config.imaging, load_probe(config.probe.name), load_body(config.body.mesh), Anatomy(config.seed).labels, config.seed
    )
