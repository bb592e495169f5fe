"""The twin's B-mode against closed forms, before compression, on flat skin: speckle, beam, refraction, speed of sound."""

from dataclasses import replace

import numpy as np
import pytest
from support import POINTING_DOWN
from test_twin_image import LINEAR, SETTINGS, SHAPE, at, block, flat_body, rows

from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.imaging.probe import load_probe
from medrobot_ros.twin.anatomy import LOW_M, MATERIALS, VOXEL_M, Tissue
from medrobot_ros.twin.beam import elevation_slices
from medrobot_ros.twin.ray import ECHO, FACE_REFLECTION
from medrobot_ros.twin.refraction import ABOVE, gradient, known_gradient, new_memory, reflection, volume_of
from medrobot_ros.twin.render import make_renderer
from medrobot_ros.twin.tables import ASSUMED_SPEED_M_PER_S, BANDWIDTH, CONTACT_DB, REVERBERATION_DB
from medrobot_ros.twin.ultrasound import SAMPLES, TwinUltrasound

SAMPLE_M = SETTINGS.depth_m / SAMPLES
WAVELENGTH_M = ASSUMED_SPEED_M_PER_S / SETTINGS.frequency_hz
QUIET = {"noise_db": -140.0, "tgc_db_per_cm_mhz": 0.0}


def twin(labels, points=(), **settings) -> TwinUltrasound:
    return TwinUltrasound(replace(SETTINGS, **settings), LINEAR, flat_body(), labels, 0, np.asarray(points).reshape(-1, 4))


def envelope(labels, points=(), T=None, **settings) -> np.ndarray:
    return twin(labels, points, **settings).envelope(0, at(0.0), 0.0)


def sides(labels: np.ndarray, tissue: Tissue, top: float, bottom: float) -> np.ndarray:
    """The volume with another tissue between two depths where x is negative; a probe that points down sees it at its first lines."""
    labels[: SHAPE[0] // 2, :, round(top / VOXEL_M[2]) : round(bottom / VOXEL_M[2])] = tissue
    return labels


def echo_of(tissue_above: Tissue, tissue_below: Tissue, slices: int) -> float:
    """Amplitude of the flat interface at 20 mm, with the attenuation above it."""
    a = envelope(block(tissue_above, (tissue_below, 0.02, 0.2)), elevation_slices=slices, **QUIET)
    return float(a[60:-60, rows(0.017, 0.023)].max(axis=1).mean())


def kept(tissue: Tissue, path_m: float) -> float:
    return 10.0 ** (-2.0 * MATERIALS[tissue].attenuation_db_per_cm_mhz * 1e-6 * SETTINGS.frequency_hz * 100.0 * path_m / 20.0)


def reflected(a: Tissue, b: Tissue) -> float:
    za, zb = MATERIALS[a].impedance_mrayl, MATERIALS[b].impedance_mrayl
    return abs(zb - za) / (zb + za)


@pytest.mark.parametrize("slices", [1, 5])
def test_the_envelope_of_speckle_is_rayleigh_distributed(slices):
    source = twin(block(Tissue.LIVER), elevation_slices=slices, **QUIET)
    a = np.concatenate([source.envelope(0, at(0.0, y=y), 0.0) for y in (0.0, 0.03, 0.06, 0.09)])[:, rows(0.01, 0.1)]
    a = a / np.sqrt((a**2).mean(axis=0))
    assert a.mean() / a.std() == pytest.approx(1.91, rel=0.03)


@pytest.mark.parametrize("slices", [1, 5])
def test_scatterers_are_as_bright_as_their_tissue_says_at_every_depth(slices):
    labels, m = block(Tissue.LIVER), MATERIALS[Tissue.LIVER]
    source = twin(labels, elevation_slices=slices, **QUIET)
    power = np.mean([source.envelope(0, at(0.0, y=y), 0.0)[10:-10] ** 2 for y in 0.02 * np.arange(6)], (0, 1))
    depth_m = SAMPLE_M * np.arange(SAMPLES) * m.speed_m_per_s / ASSUMED_SPEED_M_PER_S
    level = 10.0 * np.log10(power) - 20.0 * np.log10([kept(Tissue.LIVER, d) for d in depth_m])
    for part in (rows(0.01, 0.04), rows(0.04, 0.07), rows(0.07, 0.1)):
        assert level[part].mean() == pytest.approx(m.scatter_db, abs=0.5)


@pytest.mark.parametrize("tissue", [Tissue.LIVER, Tissue.KIDNEY, Tissue.SKIN])
def test_attenuation_slope(tissue):
    m = MATERIALS[tissue]
    source = twin(block(tissue), **QUIET)
    a = np.mean([source.envelope(0, at(0.0, y=y), 0.0) ** 2 for y in 0.02 * np.arange(-6, 7)], (0, 1))
    part = rows(0.005, 0.1)
    slope = np.polyfit(100.0 * SAMPLE_M * np.arange(SAMPLES)[part], 10.0 * np.log10(a[part]), 1)[0]
    expected = -2.0 * m.attenuation_db_per_cm_mhz * 1e-6 * SETTINGS.frequency_hz * m.speed_m_per_s / ASSUMED_SPEED_M_PER_S
    assert slope == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("above", "below", "slices"),
    [
        (Tissue.BLOOD, Tissue.BONE, 1),
        (Tissue.BLOOD, Tissue.FAT, 1),
        (Tissue.BLOOD, Tissue.BILE, 1),
        (Tissue.BILE, Tissue.BLOOD, 1),
        (Tissue.BLOOD, Tissue.BONE, 5),
    ],
)
def test_an_interface_echoes_by_its_impedances(above, below, slices):
    expected = ECHO * reflected(above, below) * kept(above, 0.0195)
    assert echo_of(above, below, slices) == pytest.approx(expected, rel=0.03)


def test_slices_share_a_gaussian_of_unit_width():
    for count in (2, 3, 5):
        places, shares = elevation_slices(count)
        assert [(shares * places**n).sum() for n in range(4)] == pytest.approx([1.0, 0.0, 1.0, 0.0], abs=1e-12)


def test_an_interface_echoes_between_itself_and_the_face():
    """Its n-th echo lies n times as deep; the sound has met the interface n times and the face's layers n - 1 times."""
    a = envelope(block(Tissue.BLOOD, (Tissue.BONE, 0.02, 0.2)), **QUIET)[60:-60]
    once = reflected(Tissue.BLOOD, Tissue.BONE) * kept(Tissue.BLOOD, 0.0195)
    c = MATERIALS[Tissue.BLOOD].speed_m_per_s / ASSUMED_SPEED_M_PER_S
    for n in (1, 2, 3):
        part = rows(0.0195 * n / c - 0.002, 0.0195 * n / c + 0.002)
        assert a[:, part].max(axis=1).mean() == pytest.approx(ECHO * once**n * FACE_REFLECTION ** (n - 1), rel=0.05)
        assert (np.argmax(a.mean(axis=0)[part]) + part.start) * SAMPLE_M == pytest.approx(0.0195 * n / c, abs=n * 5e-4)


def test_contact_leaves_little_of_the_reverberation_at_the_face():
    pressed, lifted = (twin(block(Tissue.GEL), noise_db=-140.0).envelope(0, at(depth_m), 0.0)[:, 0] for depth_m in (0.001, -0.01))
    assert 20.0 * np.log10(lifted) == pytest.approx(REVERBERATION_DB, abs=0.01)
    assert 20.0 * np.log10(pressed / lifted) == pytest.approx(CONTACT_DB, abs=0.1)


def test_a_film_is_left_towards_where_the_ray_goes():
    """Behind it lies another one of what is above it, of which there is more above: the normal told from that points back at the ray."""
    stack = block(Tissue.MUSCLE, (Tissue.BLOOD, 0.0, 0.02), (Tissue.FAT, 0.02, 0.021), (Tissue.BLOOD, 0.021, 0.022))
    a = envelope(stack, [[0.5 * LINEAR.width_m / (LINEAR.elements - 1), 0.0, 0.05, 30.0]], **QUIET)
    path_m = {Tissue.BLOOD: 0.0205, Tissue.FAT: 0.001, Tissue.MUSCLE: 0.0285}
    met = [(Tissue.BLOOD, Tissue.FAT), (Tissue.FAT, Tissue.BLOOD), (Tissue.BLOOD, Tissue.MUSCLE)]
    drawn_m = sum(d * ASSUMED_SPEED_M_PER_S / MATERIALS[t].speed_m_per_s for t, d in path_m.items())
    around = rows(drawn_m - 0.003, drawn_m + 0.003)
    line = a[np.argmax(a[:, around].max(axis=1)), around]
    assert peak_m(line) + around.start * SAMPLE_M == pytest.approx(drawn_m, abs=1e-4)
    passed = np.prod([1.0 - reflected(*pair) ** 2 for pair in met]) * np.prod([kept(t, d) for t, d in path_m.items()])
    assert line.max() == pytest.approx(30.0 * passed, rel=0.03)


def test_what_an_interface_sends_back_is_missing_below_it():
    """A quarter of the energy stays behind: soft tissues send back a hundredth, which a missing loss would hide in."""
    blood, bone = MATERIALS[Tissue.BLOOD], MATERIALS[Tissue.BONE]
    hard = replace(MATERIALS[Tissue.FAT], impedance_mrayl=3.0 * blood.impedance_mrayl)
    stack = block(Tissue.BLOOD, (Tissue.FAT, 0.02, 0.03), (Tissue.BONE, 0.03, 0.2))
    materials = tuple(hard if tissue == Tissue.FAT else m for tissue, m in MATERIALS.items())
    source = TwinUltrasound(replace(SETTINGS, **QUIET), LINEAR, flat_body(), stack, 0, materials=materials)
    a = source.envelope(0, at(0.0), 0.0)[60:-60, rows(0.027, 0.034)].max(axis=1).mean()
    through = 1.0 - 0.5**2
    back = abs(bone.impedance_mrayl - hard.impedance_mrayl) / (bone.impedance_mrayl + hard.impedance_mrayl)
    assert a == pytest.approx(ECHO * back * through * kept(Tissue.BLOOD, 0.0195) * kept(Tissue.FAT, 0.01), rel=0.03)


def peak_m(a: np.ndarray) -> float:
    """Depth of the brightest sample of a line, to a share of a sample by the parabola through its neighbours."""
    k = int(np.argmax(a))
    left, here, right = np.log(a[k - 1 : k + 2] + 1e-12)
    return (k + 0.5 * (left - right) / (left - 2.0 * here + right)) * SAMPLE_M


@pytest.mark.parametrize("tissue", [Tissue.FAT, Tissue.MUSCLE, Tissue.BLOOD])
def test_a_wire_is_displaced_as_the_speed_of_sound_above_it_says(tissue):
    top, bottom, wire = 0.01, 0.03, 0.05
    labels = sides(block(Tissue.BILE), tissue, top, bottom)
    a = envelope(labels, [[-0.012, 0.0, wire, 1.0], [0.012, 0.0, wire, 1.0]], **QUIET)
    c, c0 = MATERIALS[tissue].speed_m_per_s, MATERIALS[Tissue.BILE].speed_m_per_s
    around = rows(0.045, 0.055)
    left, right = (peak_m(a[half][:, around].max(axis=0)) + around.start * SAMPLE_M for half in (slice(0, 90), slice(102, 192)))
    assert right == pytest.approx(wire * ASSUMED_SPEED_M_PER_S / c0, abs=1e-4)
    assert left - right == pytest.approx((bottom - top) * ASSUMED_SPEED_M_PER_S * (1.0 / c - 1.0 / c0), abs=1e-4)


def width_m(a: np.ndarray, spacing_m: float) -> float:
    """Full width at half the height of a peak over lines, by linear interpolation."""
    above = np.flatnonzero(a >= 0.5 * a.max())
    first, last = above[0], above[-1]
    begin = first - (a[first] - 0.5 * a.max()) / (a[first] - a[first - 1])
    end = last + (a[last] - 0.5 * a.max()) / (a[last] - a[last + 1])
    return float((end - begin) * spacing_m)


@pytest.mark.parametrize(("focus_m", "f_number"), [(0.03, 2.0), (0.06, 2.0), (0.06, 4.0), (0.08, 3.0)])
def test_the_beam_is_wavelength_times_f_number_wide_at_its_focus(focus_m, f_number):
    wires = [[0.001, 0.0, z * MATERIALS[Tissue.BILE].speed_m_per_s / ASSUMED_SPEED_M_PER_S, 1.0] for z in (0.5 * focus_m, focus_m)]
    a = envelope(block(Tissue.BILE), wires, focus_m=focus_m, f_number=f_number, **QUIET)
    spacing_m = LINEAR.width_m / (LINEAR.elements - 1)
    nearer, focused = (width_m(a[:, rows(z - 0.002, z + 0.002)].max(axis=1), spacing_m) for z in (0.5 * focus_m, focus_m))
    assert focused == pytest.approx(WAVELENGTH_M * f_number, rel=0.1)
    assert nearer > 1.1 * focused


def test_the_slice_is_as_thick_as_its_lens_says():
    T = [at(0.0, y=y) for y in np.linspace(-0.006, 0.006, 41)]
    source = twin(block(Tissue.BILE), [[0.0, 0.0, SETTINGS.focus_m, 1.0]], **QUIET)
    a = np.array([source.envelope(0, t, 0.0)[:, rows(0.055, 0.065)].max() for t in T])
    assert width_m(a, 0.0003) == pytest.approx(WAVELENGTH_M * SETTINGS.focus_m / LINEAR.elevation_m, rel=0.1)


OBLIQUE = [(Tissue.FAT, Tissue.MUSCLE), (Tissue.BLOOD, Tissue.FAT), (Tissue.GEL, Tissue.MUSCLE)]


@pytest.mark.parametrize(("above", "below"), OBLIQUE)
@pytest.mark.parametrize("slope", [0.15, 0.35])
def test_rays_bend_by_snells_law_at_an_oblique_interface(above, below, slope):
    """Points at two depths are brightest in the lines whose bent rays meet them; the mean over five places along the interface."""
    labels = block(above)
    x = LOW_M[0] + VOXEL_M[0] * np.arange(SHAPE[0])
    depth = VOXEL_M[2] * np.arange(SHAPE[2])
    labels[depth[None, None, :] * np.ones(SHAPE) > 0.03 + slope * x[:, None, None]] = below
    incidence = np.arctan(slope)
    bent = np.arcsin(np.sin(incidence) * MATERIALS[below].speed_m_per_s / MATERIALS[above].speed_m_per_s) - incidence
    places, depths, across = np.array([-0.016, -0.008, 0.0, 0.008, 0.016]), (0.05, 0.08), LINEAR.width_m * (np.arange(192) / 191 - 0.5)
    seen_m = []
    for z in depths:
        a = envelope(labels, [[p, 0.0, z, 30.0] for p in places], **QUIET)[:, rows(0.88 * z, 1.08 * z)].max(axis=1)
        about = [np.where(abs(across - p) < 0.004, a, 0.0) for p in places]
        share = [np.where(b > 0.3 * b.max(), b, 0.0) for b in about]
        seen_m.append(np.array([b @ across / b.sum() for b in share]))
    g = (seen_m[1] - seen_m[0]).mean() / (depths[1] - depths[0])  # lines that begin at x meet the interface at 0.03 + slope * x
    assert np.degrees(np.arctan(g / (slope * g - 1.0))) == pytest.approx(np.degrees(bent), abs=0.3)


@pytest.mark.parametrize(("above", "below"), [(Tissue.FAT, Tissue.MUSCLE), (Tissue.MUSCLE, Tissue.FAT), (Tissue.BLOOD, Tissue.BONE)])
def test_reflection_depends_on_both_angles(above, below):
    """Continuity of pressure and of normal velocity at the plane, solved for the reflected and the transmitted wave."""
    one, two = MATERIALS[above], MATERIALS[below]
    for angle in np.radians((0.0, 10.0, 25.0, 40.0, 60.0)):
        ratio = two.speed_m_per_s / one.speed_m_per_s
        R, cosine = reflection(*np.float32((np.cos(angle), one.impedance_mrayl, two.impedance_mrayl, ratio)))
        sine = np.sin(angle) * ratio
        if sine >= 1.0:
            assert (R, cosine) == (1.0, -1.0)
            continue
        y1, y2 = np.cos(angle) / one.impedance_mrayl, np.sqrt(1.0 - sine**2) / two.impedance_mrayl
        reflected_, _ = np.linalg.solve([[1.0, -1.0], [-y1, -y2]], [-1.0, -y1])  # 1 + R = T; y1 (1 - R) = y2 T
        assert pytest.approx(reflected_, abs=1e-5) == R and cosine == pytest.approx(np.sqrt(1.0 - sine**2), abs=1e-5)


def test_normals_of_a_curved_interface_are_those_of_the_sphere():
    center, radius_m = np.array([0.0, 0.0, 0.05]), 0.025
    x, y, depth = (low + step * np.arange(n) for low, step, n in zip(LOW_M, VOXEL_M, SHAPE, strict=True))
    labels = block(Tissue.LIVER)
    out = np.stack(np.meshgrid(x, y, depth, indexing="ij"), axis=-1) - center
    labels[np.linalg.norm(out, axis=-1) < radius_m] = Tissue.BILE
    padded, voxels, steps = volume_of(labels)
    top = np.argwhere((labels[:, :, 1:] == Tissue.BILE) & (labels[:, :, :-1] == Tissue.LIVER)) + (0, 0, 1)
    inward = -np.array([out[tuple(k)] for k in top]) / radius_m
    seen = [gradient(voxels, np.ravel_multi_index(k + (0, 0, ABOVE), padded.shape), steps, Tissue.LIVER, Tissue.BILE) for k in top]
    cosine = (inward * seen).sum(axis=1) / np.linalg.norm(seen, axis=1) / np.linalg.norm(inward, axis=1)
    from_above = -inward[:, 2] < -0.5
    assert from_above.sum() > 300
    assert np.degrees(np.sqrt((np.arccos(np.minimum(cosine[from_above], 1.0)) ** 2).mean())) < 3.0


def test_a_remembered_normal_is_the_one_that_was_worked_out():
    labels = block(Tissue.LIVER, (Tissue.BILE, 0.03, 0.2))
    labels[:120, :, 25:30] = Tissue.BILE
    padded, voxels, steps = volume_of(labels)
    memory = new_memory(4)  # so few that they displace each other
    for i in [*range(112, 128), 118, 119, 118]:
        at = np.ravel_multi_index((i, 100, 30 + ABOVE), padded.shape)
        once = gradient(voxels, at, steps, Tissue.LIVER, Tissue.BILE)
        assert all(known_gradient(voxels, at, steps, Tissue.LIVER, Tissue.BILE, *memory) == once for _ in range(2))
        assert known_gradient(voxels, at, steps, Tissue.BILE, Tissue.LIVER, *memory) == tuple(-v for v in once)


@pytest.mark.parametrize("dynamic_range_db", [30.0, 60.0, 100.0])
def test_grey_values_are_linear_in_decibels(dynamic_range_db):
    source = twin(block(Tissue.LIVER), dynamic_range_db=dynamic_range_db)
    amplitude = np.float32(10.0) ** np.linspace(-9.0, 1.0, 5000, dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "envelope", lambda *_: amplitude[None].copy())
        grey = source.echoes(0, at(0.0), 0.0)[0]
    exact = np.clip(255.0 * (1.0 + 20.0 * np.log10(amplitude.astype(float)) / dynamic_range_db), 0.0, 255.0)
    assert grey.min() == 0 and grey.max() == 255
    assert np.all((exact - grey > -1e-2) & (exact - grey < 1.01))  # it is cut off, not rounded


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Of two images' intensities, which for speckle is the squared correlation of the fields. Power is made even over depth first."""
    level = np.sqrt((a**2 + b**2).mean(axis=0))
    return float(np.corrcoef(((a / level) ** 2).ravel(), ((b / level) ** 2).ravel())[0, 1])


@pytest.mark.parametrize("slices", [1, 5])
def test_speckle_decorrelates_across_the_image_as_the_slice_is_thick(slices):
    """|rho|^2 = exp(-d^2 / (2 s^2)) for a Gaussian slice of standard deviation s; near the focus, where it is thinnest."""
    source, part = twin(block(Tissue.LIVER), elevation_slices=slices, **QUIET), rows(0.052, 0.068)
    sigma_m = WAVELENGTH_M * SETTINGS.focus_m / LINEAR.elevation_m / 2.355
    for d in (0.0005, 0.001, 0.002, 0.003, 0.006):
        pairs = [(source.envelope(0, at(0.0, y=y), 0.0), source.envelope(0, at(0.0, y=y + d), 0.0)) for y in (0.0, 0.0123, 0.0294)]
        measured = np.mean([correlation(a[:, part], b[:, part]) for a, b in pairs])
        assert measured == pytest.approx(np.exp(-0.5 * (d / sigma_m) ** 2), abs=0.12)


@pytest.mark.parametrize("f_number", [2.0, 4.0])
def test_speckle_decorrelates_beside_the_image_as_the_beam_is_wide(f_number):
    source, part = twin(block(Tissue.LIVER), f_number=f_number, **QUIET), rows(0.05, 0.07)
    sigma_m = WAVELENGTH_M * f_number / 2.355
    for d in (0.0002, 0.0004, 0.0008, 0.003):
        pairs = [(source.envelope(0, at(0.0, y=y), 0.0), source.envelope(0, at(0.0, x=d, y=y), 0.0)) for y in (0.0, 0.02)]
        measured = np.mean([correlation(a[:, part], b[:, part]) for a, b in pairs])
        assert measured == pytest.approx(np.exp(-0.5 * (d / sigma_m) ** 2), abs=0.12)


def test_speckle_stays_put_when_the_probe_does():
    source = twin(block(Tissue.LIVER))
    a, b = (source.envelope(stamp, at(0.0), 0.0) for stamp in (0, 50_000_000))
    assert not np.array_equal(a, b)
    assert correlation(a, b) > 0.999


@pytest.mark.parametrize("noise_db", [-60.0, -40.0])
def test_where_nothing_echoes_the_receivers_noise_is_left_and_the_gain_over_depth_lifts_it(noise_db):
    levels = []
    for tgc in (0.0, 0.7):
        a = envelope(block(Tissue.GEL), noise_db=noise_db, tgc_db_per_cm_mhz=tgc)
        levels.append(20.0 * np.log10(np.sqrt((a[:, rows(0.069, 0.071)] ** 2).mean())))
    assert levels[0] == pytest.approx(noise_db, abs=0.5)
    assert levels[1] - levels[0] == pytest.approx(2.0 * 0.7 * 1e-6 * SETTINGS.frequency_hz * 7.0, abs=0.3)


def test_a_phased_probe_steers_a_sector_from_one_small_face():
    phased, depth, angle = load_probe("phased"), 0.07, 0.5
    point = [depth * np.sin(angle), 0.0, depth * np.cos(angle), 30.0]
    source = TwinUltrasound(replace(SETTINGS, **QUIET), phased, flat_body(), block(Tissue.GEL), 0, np.array([point]))
    line, sample = np.unravel_index(np.argmax(source.envelope(0, at(0.0), 0.0)), (phased.elements, SAMPLES))
    assert (line / (phased.elements - 1) - 0.5) * phased.field_of_view_rad == pytest.approx(angle, abs=0.02)
    assert sample * SAMPLE_M == pytest.approx(depth * ASSUMED_SPEED_M_PER_S / MATERIALS[Tissue.GEL].speed_m_per_s, abs=1e-3)
    tilted = pose(POINTING_DOWN @ rotation_from_vector(np.array([0.0, 0.6, 0.0])), np.array([0.0, 0.0, -0.001]))
    source = TwinUltrasound(SETTINGS, phased, flat_body(), block(Tissue.LIVER), 0)
    flat, lifted = (source.envelope(0, T, 0.0)[:, rows(0.02, 0.05)].mean(axis=1) for T in (at(0.001), tilted))
    assert 0.1 < (lifted[10:-10] / flat[10:-10]).mean() < 0.9


def test_a_pulse_is_as_short_as_its_bandwidth_says():
    """The spectrum of a point's echo over depth is half as high half a bandwidth from its middle."""
    depth_m = 0.03
    a = envelope(block(Tissue.BILE), [[0.001, 0.0, 0.015, 1.0]], depth_m=depth_m, focus_m=0.015, **QUIET)
    line = a[np.argmax(a.max(axis=1))]
    frequency_hz = np.arange(SAMPLES) / depth_m * ASSUMED_SPEED_M_PER_S / 2.0
    spectrum = np.abs(np.fft.fft(line))
    half_hz = np.interp(-0.5, -spectrum[: SAMPLES // 4] / spectrum[0], frequency_hz[: SAMPLES // 4])
    assert 2.0 * half_hz == pytest.approx(BANDWIDTH * SETTINGS.frequency_hz, rel=0.05)


def test_a_line_that_half_its_elements_form_is_half_as_bright():
    source = twin(block(Tissue.LIVER), **QUIET)
    view = source.view(0, at(0.0), 0.0)
    whole, part = (make_renderer("cpu", source.scene)(replace(view, share=np.full_like(view.share, s))) for s in (1.0, 0.5))
    below = rows(0.02, 0.08)  # the reverberation at the face
    assert np.allclose(part[:, below], 0.5 * whole[:, below], rtol=1e-3, atol=1e-5)
