"""Patients of the twin against the ranges that they are drawn from, measured back from their voxels."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, label

from medrobot_ros.errors import DataError
from medrobot_ros.twin.anatomy import MATERIALS, VOXEL_M, Anatomy, Tissue
from medrobot_ros.twin.anatomy.materials import material
from medrobot_ros.twin.anatomy.ranges import ranges

VOXEL = max(VOXEL_M)


def points(anatomy: Anatomy, mask: np.ndarray) -> np.ndarray:
    """Places (n, 3) in the patient frame of voxels."""
    i, j, k = np.nonzero(mask)
    return anatomy.grid.skin[i, j] - anatomy.grid.depth[k][:, None] * anatomy.grid.outward[i, j]


def axes(p: np.ndarray) -> np.ndarray:
    """Extents (3,) along the principal axes of a cloud, longest first [m]."""
    along = (p - p.mean(axis=0)) @ np.linalg.svd(p - p.mean(axis=0), full_matrices=False)[2].T
    return np.ptp(along, axis=0)


def near(anatomy: Anatomy, name: str, tissues: tuple[Tissue, ...]) -> np.ndarray:
    """Places of the connected voxels of some tissues about a target."""
    mask = np.isin(anatomy.labels, tissues)
    i, j, k = anatomy.grid.index(np.array(anatomy.targets[name].center))
    reach = 60
    part = tuple(slice(max(v - reach, 0), v + reach) for v in (i, j, k))
    parts = label(mask[part])[0]
    chosen = np.zeros_like(mask)
    chosen[part] = parts == parts[i - part[0].start, j - part[1].start, k - part[2].start]
    return points(anatomy, chosen)


def column(anatomy: Anatomy, x: float, y: float) -> list[tuple[Tissue, float]]:
    """Tissues from the skin downwards and how thick each is [m]."""
    i, j, _ = anatomy.grid.index(np.array([x, y, 0.0]))
    labels = anatomy.labels[i, j]
    ends = np.append(np.flatnonzero(np.diff(labels)) + 1, len(labels))
    return [(Tissue(labels[end - 1]), float(count) * VOXEL_M[2]) for end, count in zip(ends, np.diff(ends, prepend=0), strict=True)]


def in_range(name: str, measured_m: float, tolerance_m: float) -> bool:
    return ranges()[name].low - tolerance_m <= measured_m <= ranges()[name].high + tolerance_m


def check_wall(anatomy: Anatomy) -> None:
    layers = column(anatomy, 0.045, -0.1)
    assert [t for t, _ in layers[:5]] == [Tissue.SKIN, Tissue.FAT, Tissue.FASCIA, Tissue.MUSCLE, Tissue.FASCIA]
    for name, (_, thickness_m) in zip(("skin", "fat", "fascia", "rectus"), layers, strict=False):
        assert in_range(name, thickness_m, VOXEL_M[2] + (0.0015 if name == "fat" else 0.0)), name
    between_bellies = column(anatomy, 0.0, -0.1)
    assert Tissue.MUSCLE not in [t for t, _ in between_bellies[:4]] and between_bellies[2][0] == Tissue.FASCIA


def check_kidneys(anatomy: Anatomy) -> None:
    for name in ("right_kidney", "left_kidney"):
        measured = axes(near(anatomy, name, (Tissue.KIDNEY, Tissue.SINUS)))
        assert np.allclose(measured, sorted(anatomy.targets[name].size_m, reverse=True), atol=2.0 * VOXEL), name
        for size, m in zip(("kidney_length", "kidney_width", "kidney_thickness"), measured, strict=True):
            assert in_range(size, m, 2.0 * VOXEL), name


def check_gallbladder(anatomy: Anatomy) -> None:
    measured = axes(near(anatomy, "gallbladder", (Tissue.BILE, Tissue.STONE)))
    assert np.allclose(measured, sorted(anatomy.targets["gallbladder"].size_m, reverse=True), atol=2.0 * VOXEL)
    assert in_range("gallbladder_length", measured[0], 2.0 * VOXEL)
    tissues = [t for t, _ in column(anatomy, *anatomy.targets["gallbladder"].center[:2])]
    assert tissues.index(Tissue.LIVER) == tissues.index(Tissue.BILE) - 1
    in_front = (np.abs(anatomy.grid.x) < 0.11)[:, None, None]  # columns beside that look at the same places from the side
    parts, count = label((anatomy.labels == Tissue.STONE) & in_front)
    assert count == anatomy.sizes["stones"]
    for k in range(1, count + 1):
        size_m = anatomy.targets[f"stone_{k}"].size_m[0]
        i, j, m = anatomy.grid.index(np.array(anatomy.targets[f"stone_{k}"].center))
        stone = parts == parts[i, j, m]
        assert np.ptp(points(anatomy, stone), axis=0) + VOXEL == pytest.approx(size_m, abs=1.5 * VOXEL)
        assert in_range("stone_diameter", size_m, 0.0)
        assert set(np.unique(anatomy.labels[binary_dilation(stone)])) <= {Tissue.BILE, Tissue.STONE}


def check_liver(anatomy: Anatomy) -> None:
    p = points(anatomy, anatomy.labels == Tissue.LIVER)
    assert in_range("liver_span", np.ptp(p[:, 1]), 4.0 * VOXEL)
    rows = {tissue: np.flatnonzero((anatomy.labels[::4, :, ::4] == tissue).any(axis=(0, 2))) for tissue in (Tissue.LIVER, Tissue.LUNG)}
    assert np.median(rows[Tissue.LIVER]) < rows[Tissue.LUNG].min() and anatomy.grid.y[rows[Tissue.LUNG].min()] > 0.08


def check_middle(anatomy: Anatomy) -> None:
    aorta, cava = anatomy.vessels
    assert (aorta.name, cava.name) == ("aorta", "vena_cava")
    left_m, right_m = (anatomy.targets[v.name].p_patient[0] for v in (aorta, cava))
    assert left_m > right_m + aorta.radius_m + cava.radius_m
    assert aorta.axis[1] < -0.99 and cava.axis[1] > 0.99
    for vessel in (aorta, cava):
        assert in_range(f"{vessel.name}_diameter", 2.0 * vessel.radius_m, 1e-9)
        p = near(anatomy, vessel.name, (Tissue.BLOOD,))
        section = p[np.abs(p[:, 1]) < 0.003]
        assert np.ptp(section[:, [0, 2]], axis=0) + 0.5 * VOXEL == pytest.approx(2.0 * vessel.radius_m, abs=1.5 * VOXEL)
        i, j, k = anatomy.grid.index(np.array(vessel.point))
        behind = set(anatomy.labels[i, j, k:])
        assert {Tissue.BONE, Tissue.FASCIA} & behind
    bone = points(anatomy, anatomy.labels == Tissue.BONE)
    vertebrae = bone[(np.abs(bone[:, 0]) < 0.03) & (bone[:, 2] < -0.07) & (np.abs(bone[:, 1]) < 0.05)]
    assert in_range("vertebra_width", np.ptp(vertebrae[:, 0]), 1.5 * VOXEL)
    assert in_range("vertebra_depth", np.ptp(vertebrae[:, 2]), 1.5 * VOXEL)


CHECKS = (check_wall, check_kidneys, check_gallbladder, check_liver, check_middle)


@pytest.mark.parametrize("seed", range(3))
def test_a_patient_is_an_adult_whose_organs_do_not_overlap(seed):
    anatomy = Anatomy(seed)
    assert set(np.unique(anatomy.labels)) == set(Tissue) - {Tissue.GEL}
    for check in CHECKS:
        check(anatomy)


@pytest.mark.slow
def test_two_hundred_patients_are_adults_whose_organs_do_not_overlap():
    for seed in range(200):
        anatomy = Anatomy(seed)
        for check in CHECKS:
            check(anatomy)


def test_patients_repeat_by_seed_and_differ():
    first, again, other = Anatomy(0), Anatomy(0), Anatomy(1)
    assert np.array_equal(first.labels, again.labels) and first.targets == again.targets and first.vessels == again.vessels
    assert not np.array_equal(first.labels, other.labels) and first.sizes != other.sizes


def test_skin_coordinates_and_the_patient_frame_agree():
    anatomy = Anatomy(2)
    for target in anatomy.targets.values():
        assert np.allclose(anatomy.grid.patient_point(*target.center), target.p_patient, atol=1e-6)
    i, j, k = anatomy.grid.index(np.array(anatomy.targets["stone_1"].center))
    assert anatomy.labels[i, j, k] == Tissue.STONE


def test_materials_keep_the_common_table_and_every_range_has_its_source():
    common = {"GEL": (1.48, 0.0022, 1480), "BLOOD": (1.61, 0.18, 1570), "FAT": (1.38, 0.63, 1450), "LIVER": (1.65, 0.70, 1550),
              "MUSCLE": (1.70, 1.09, 1580), "BONE": (7.80, 5.0, 4080)}  # fmt: skip
    for name, (impedance, attenuation, speed) in common.items():
        m = MATERIALS[Tissue[name]]
        assert (m.impedance_mrayl, m.attenuation_db_per_cm_mhz, m.speed_m_per_s) == (impedance, attenuation, speed)
    densities = {t: 1e6 * m.impedance_mrayl / m.speed_m_per_s for t, m in MATERIALS.items()}
    assert densities.pop(Tissue.AIR) == pytest.approx(1.14, rel=0.01)
    assert densities.pop(Tissue.LUNG) == pytest.approx(400.0)
    assert all(900.0 < d < 2000.0 for d in densities.values())
    assert all(r.source and r.low < r.high for r in ranges().values())


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("white", "must hold impedance_mrayl"),
        ({"impedance": 1.5}, "unknown field 'impedance'; valid: impedance_mrayl"),
        ({"impedance_mrayl": "1.5"}, "impedance_mrayl must be a number, not '1.5'"),
        ({"impedance_mrayl": -1.5}, "impedance_mrayl must be above 0"),
    ],
)
def test_a_bad_material_is_named_with_its_field(row, said):
    with pytest.raises(DataError, match=f"table: gland: {said}"):
        material(row, "table: gland")
