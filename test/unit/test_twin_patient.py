import numpy as np
import pytest

from medrobot_ros.config import BodySection, CellConfig, TissueSection, TwinSection, parse_set, resolve
from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import inverse, pose, rotation_from_vector
from medrobot_ros.twin.body import analytic_torso, load_body
from medrobot_ros.twin.patient import Face, Patient
from medrobot_ros.twin.tissue import Tissue

BODY = analytic_torso()
STILL = resolve([("t", parse_set(["twin.breathing.amplitude_m=0"]))]).twin
DOWN = np.diag([1.0, -1.0, -1.0])


def patient(twin: TwinSection = STILL, placing: BodySection = CellConfig().body) -> Patient:
    return Patient(twin, placing, BODY, Face(0.05, 0.028), seed=0)


def advanced(P, stamp_ns, time_s, T_base_probe):
    """The truth after one step."""
    return P.advance((stamp_ns,), time_s, 0.0, T_base_probe[None]).truth(0)


def probe_at(x, y, depth_m, tilt=(0.0, 0.0, 0.0)):
    """Probe pose in base that presses `depth_m` into the skin above patient (x, y), along its normal."""
    n = BODY.normal(x, y)
    p = np.array([x, y, float(BODY.height(x, y))]) - depth_m * n
    z = -n
    x_axis = np.array([1.0, 0, 0]) - z[0] * z
    x_axis /= np.linalg.norm(x_axis)
    R = np.column_stack((x_axis, np.cross(z, x_axis), z)) @ rotation_from_vector(np.array(tilt))
    return pose(R, p + np.array(CellConfig().body.position_m))


@pytest.mark.parametrize("stiffness", [200.0, 800.0, 2000.0])
@pytest.mark.parametrize("hardening", [0.0, 0.3, 0.8])
def test_tangent_stiffness_at_5_n_is_as_configured(stiffness, hardening):
    tissue = Tissue.from_config(TissueSection(stiffness_n_per_m=stiffness, hardening=hardening))
    depths = np.linspace(0.0, 0.06, 200001)
    forces = tissue.linear_n_per_m * depths + tissue.quadratic_n_per_m2 * depths**2
    k = int(np.searchsorted(forces, 5.0))
    assert np.isclose(tissue.force(depths[k], 0.0), 5.0, atol=0.01)
    assert np.isclose((forces[k + 1] - forces[k - 1]) / (depths[k + 1] - depths[k - 1]), stiffness, rtol=1e-3)


def test_tissue_never_pulls():
    tissue = Tissue.from_config(TissueSection())
    assert tissue.force(-0.001, 0.1) == 0.0
    assert tissue.force(0.001, -1.0) == 0.0


def test_pressing_pushes_back_along_the_beam():
    P = patient()
    for k, depth in enumerate((0.002, 0.005)):
        for t in range(5):
            truth = advanced(P, t, k + 1e-3 * t, probe_at(0.0, 0.0, depth))
        expected = Tissue.from_config(STILL.tissue).force(depth, 0.0)
        assert truth.indentation_m == pytest.approx(depth, abs=1e-5)
        assert truth.F_tissue_on_probe_in_probe[2] == pytest.approx(-expected, rel=1e-3)
        assert np.abs(truth.F_tissue_on_probe_in_probe[:2]).max() < 0.02


def test_no_force_without_contact():
    truth = advanced(patient(), 0, 0.0, probe_at(0.0, 0.0, -0.001))
    assert np.all(truth.F_tissue_on_probe_in_probe == 0.0) and truth.indentation_m == 0.0


@pytest.mark.parametrize("axis", [0, 1])
def test_a_tilted_probe_feels_a_torque_that_would_straighten_it(axis):
    tilt = np.zeros(3)
    tilt[axis] = 0.1
    truth = advanced(patient(), 0, 0.0, probe_at(0.0, 0.0, 0.005, tilt))
    assert truth.F_tissue_on_probe_in_probe[3 + axis] * tilt[axis] < 0.0


def test_friction_opposes_sliding_and_is_coulombs():
    P = patient()
    for k in range(20):
        truth = advanced(P, k, 1e-3 * k, probe_at(0.0, -0.02 + 5e-5 * k, 0.005))
    f = truth.F_tissue_on_probe_in_probe[:3]
    slid = truth.T_base_probe[:3, :3].T @ np.array([0.0, 1.0, 0.0])
    assert f[:2] @ slid[:2] < 0.0
    assert np.hypot(*f[:2]) == pytest.approx(0.1 * abs(f[2]), rel=0.1)


def test_breathing_peaks_at_its_amplitude_along_the_normal():
    P = patient(CellConfig().twin)
    away = probe_at(0.03, 0.02, -0.05)
    rest = np.array([0.03, 0.02, float(BODY.height(0.03, 0.02))]) + np.array(CellConfig().body.position_m)
    offsets, lifts = [], []
    for k in range(400):
        truth = advanced(P, k, 0.01 * k, away)
        offsets.append(truth.breathing_offset_m)
        lifts.append((truth.T_base_skin[:3, 3] - rest) @ -truth.T_base_skin[:3, 2])
    assert max(offsets) == pytest.approx(0.005, rel=1e-3) and min(offsets) == pytest.approx(-0.005, rel=1e-3)
    assert np.allclose(lifts, offsets, atol=3e-4)


def test_the_skin_pose_is_the_nearest_undeformed_skin_with_z_inward():
    T = probe_at(0.03, -0.02, 0.004)
    truth = advanced(patient(), 0, 0.0, T)
    R = truth.T_base_skin[:3, :3]
    assert np.allclose(R.T @ R, np.eye(3), atol=1e-9) and np.linalg.det(R) > 0.0
    assert R[2, 2] < 0.0
    gap = inverse(truth.T_base_skin) @ T
    assert np.allclose(gap[:2, 3], 0.0, atol=2e-4) and gap[2, 3] == pytest.approx(0.004, abs=2e-4)


def test_a_shift_moves_the_patient_after_first_contact():
    twin = resolve([("t", parse_set(["twin.breathing.amplitude_m=0", "twin.shift.offset_m=0.02,0,0", "twin.shift.time_s=1"]))]).twin
    P = patient(twin)
    before = advanced(P, 0, 5.0, probe_at(0, 0, -0.01)).T_base_patient
    assert np.array_equal(before, advanced(P, 0, 100.0, probe_at(0, 0, -0.01)).T_base_patient)
    advanced(P, 0, 106.0, probe_at(0, 0, 0.001))
    shifted_m = [advanced(P, 0, t, probe_at(0, 0, -0.1)).T_base_patient[0, 3] - before[0, 3] for t in (106.9, 107.25, 107.5, 109.0)]
    assert shifted_m == pytest.approx([0.0, 0.01 * (1.0 - np.cos(np.pi / 4.0)), 0.01, 0.02])


def test_same_seed_same_breath():
    other = Patient(CellConfig().twin, CellConfig().body, BODY, Face(0.05, 0.028), seed=1)
    patients = patient(CellConfig().twin), patient(CellConfig().twin), other
    a, b, c = (advanced(P, 0, 1.3, probe_at(0, 0, -0.01)).breathing_phase_rad for P in patients)
    assert a == b != c


def test_a_mesh_body_lies_as_the_torso_does(test_data):
    body = load_body(str(test_data / "body" / "body_standing.obj"))
    assert float(body.height(0.0, 0.0)) == pytest.approx(0.0, abs=1e-3)
    assert -0.35 < body.table_z_m < -0.12
    assert body.normal(0.05, 0.0)[0] > 0.0 > body.normal(-0.05, 0.0)[0]


def test_bad_meshes_are_one_line(tmp_path):
    import trimesh

    holed = trimesh.creation.box((0.4, 1.7, 0.25))
    holed.update_faces(np.arange(len(holed.faces)) > 1)
    holed.export(tmp_path / "holes.obj")
    trimesh.creation.box((40.0, 170.0, 25.0)).export(tmp_path / "centimetres.obj")
    (tmp_path / "text.obj").write_text("not a mesh\n")
    for name, says in (("holes.obj", "holes"), ("centimetres.obj", "in metres"), ("text.obj", "mesh"), ("none.obj", "mesh")):
        with pytest.raises(DataError) as e:
            load_body(str(tmp_path / name))
        assert says in str(e.value) and "\n" not in str(e.value)
