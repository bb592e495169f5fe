"""A mesh that lies on the table, and the patient inside it."""

import numpy as np
import pytest
from test_twin_anatomy import check_gallbladder, check_kidneys, check_wall

from medrobot_ros.twin.anatomy import Anatomy
from medrobot_ros.twin.body import TORSO_DEPTH_M, TORSO_WIDTH_M, Body, analytic_torso, load_body


@pytest.fixture(scope="module")
def standing(test_data) -> Body:
    return load_body(str(test_data / "body" / "body_standing.obj"))


def test_the_analytic_torso_is_as_wide_and_as_deep_as_it_says():
    torso = analytic_torso()
    assert (torso.width_m, torso.thickness_m) == (TORSO_WIDTH_M, TORSO_DEPTH_M) and torso.thickness_m == -torso.table_z_m
    side = torso.inside[:, len(torso.y) // 2].sum() * (torso.x[1] - torso.x[0])
    assert side == pytest.approx(0.95 * TORSO_WIDTH_M, abs=0.008)


def test_a_meshs_trunk_is_measured_without_its_arms(standing, test_data):
    import trimesh

    mesh = trimesh.load(test_data / "body" / "body_standing.obj", force="mesh")
    waist = mesh.bounds[0, 1] + 0.62 * np.ptp(mesh.bounds[:, 1])
    trunk = min(mesh.section(plane_origin=[0, waist, 0], plane_normal=[0, 1, 0]).discrete, key=lambda line: abs(line[:, 0].mean()))
    assert standing.width_m == pytest.approx(np.ptp(trunk[:, 0]), abs=0.008)
    middle = trunk[np.abs(trunk[:, 0]) < 0.012]
    assert standing.thickness_m == pytest.approx(np.ptp(middle[:, 2]), abs=0.008)
    assert np.isnan(standing.height(0.17, 0.05)) and np.isfinite(standing.height(0.10, 0.05))


def test_a_smoothed_mesh_stays_close_to_its_skin(standing, test_data):
    import trimesh

    mesh = trimesh.load(test_data / "body" / "body_standing.obj", force="mesh")
    place = np.array([mesh.vertices[:, 0].mean(), mesh.bounds[0, 1] + 0.62 * np.ptp(mesh.bounds[:, 1]), 0.0])
    skin = (mesh.vertices - place)[mesh.vertex_normals[:, 2] > 0.5]
    about = skin[(np.abs(skin[:, 0]) < 0.08) & (np.abs(skin[:, 1]) < 0.12)]
    off = standing.height(about[:, 0], about[:, 1]) - about[:, 2]
    assert np.ptp(off) < 0.012 and (off - np.median(off)).std() < 0.002


@pytest.mark.parametrize("seed", [0, 2])
def test_a_patient_inside_a_mesh_keeps_the_sizes_of_adults(standing, seed):
    anatomy = Anatomy(seed, standing)
    for check in (check_wall, check_kidneys, check_gallbladder):
        check(anatomy)


def test_places_follow_the_trunk(standing):
    inside_mesh, inside_torso = Anatomy(0, standing), Anatomy(0)
    assert inside_mesh.sizes == inside_torso.sizes
    mesh_spine, torso_spine = (-a.targets["aorta"].p_patient[2] + a.sizes["vertebra_depth"] for a in (inside_mesh, inside_torso))
    share = standing.thickness_m / TORSO_DEPTH_M
    assert torso_spine - mesh_spine == pytest.approx((TORSO_DEPTH_M - 0.08) * (1.0 - share), abs=1e-6)
