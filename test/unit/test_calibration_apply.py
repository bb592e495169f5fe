"""The cell reads its calibrations: the probe on the arm, the image on the probe, the camera on the base."""

import json
from dataclasses import replace

import numpy as np
import pytest

from medrobot_ros.arms import load_arm
from medrobot_ros.calibration.apply import calibrated_arm, calibrated_geometry, camera_pose
from medrobot_ros.calibration.store import Section, write_section
from medrobot_ros.cli import main
from medrobot_ros.config import CellConfig
from medrobot_ros.errors import ConfigError
from medrobot_ros.geometry.pose import pose
from medrobot_ros.imaging.source import make_source
from medrobot_ros.twin.camera import LOOKING_DOWN

NOMINAL, OTHER = (load_arm("fr3", probe) for probe in ("curvilinear", "linear"))
Q = NOMINAL.q_home + 0.1
SHORT = ["--set", "scan.size_m=0.04,0.03", "--set", "scan.speed_m_per_s=0.03", "--yes"]


def write(path, kind, **values):
    rest = {
        "tcp": {"std_m": np.zeros(3), "residual_m": 0.0},
        "ft": {
            "F_bias": np.zeros(6), "std_bias": np.zeros(6), "std_mass_kg": 0.0, "std_com_m": np.zeros(3), "residual_n": 0.0,
            "residual_nm": 0.0,
        },
        "image": {"dropped": 0, "std_rad": np.zeros(3), "std_m": np.zeros(3), "std_spacing_m": np.zeros(2), "residual_m": 0.0},
        "hand-eye": {"std_rad": np.zeros(3), "std_m": np.zeros(3), "residual_m": 0.0, "residual_rad": 0.0},
    }  # fmt: skip
    write_section(path, Section(kind, "2024-05-01", "A1", {"samples": 9, **rest[kind], **values}))
    return str(path)


def with_probe(path):
    config = CellConfig()
    return replace(config, probe=replace(config.probe, calibration=str(path)))


def tip(offset_m):
    return NOMINAL.T_flange_probe[:3, 3] + offset_m


def test_the_measured_tip_moves_the_probe_and_nothing_else(tmp_path):
    offset_m = np.array([0.002, -0.001, 0.004])
    arm = calibrated_arm(with_probe(write(tmp_path / "p.yaml", "tcp", p_flange_tip_m=tip(offset_m))))
    assert arm.T_flange_probe[:3, 3] == pytest.approx(tip(offset_m), abs=1e-12)
    assert arm.T_base_flange(Q) == pytest.approx(NOMINAL.T_base_flange(Q), abs=1e-12)
    moved = NOMINAL.T_base_probe(Q)[:3, 3] + NOMINAL.T_base_flange(Q)[:3, :3] @ offset_m
    assert arm.T_base_probe(Q)[:3, 3] == pytest.approx(moved, abs=1e-12)
    assert arm.probe_mass_kg == NOMINAL.probe_mass_kg and arm.p_ft_com == pytest.approx(NOMINAL.p_ft_com, abs=1e-12)
    assert arm.gravity_torque(Q) == pytest.approx(NOMINAL.gravity_torque(Q), abs=1e-9)


def test_the_measured_weight_is_the_arms(tmp_path):
    com_m = np.array([0.001, 0.002, 0.07])
    arm = calibrated_arm(with_probe(write(tmp_path / "p.yaml", "ft", mass_kg=0.6, p_ft_com_m=com_m)))
    assert arm.probe_mass_kg == 0.6 and arm.p_ft_com == pytest.approx(com_m, abs=1e-12)
    assert arm.T_flange_probe == pytest.approx(NOMINAL.T_flange_probe, abs=1e-12)
    assert np.abs(arm.gravity_torque(Q) - NOMINAL.gravity_torque(Q)).max() > 0.1


def test_the_measured_image_is_the_published_geometry(tmp_path):
    config = CellConfig()
    geometry = make_source(config).geometry()
    T = geometry.T_probe_image @ pose(np.eye(3), np.array([0.001, 0.0, 0.0005]))
    config = with_probe(write(tmp_path / "p.yaml", "image", T_probe_image=T, spacing_m=geometry.spacing_m))
    found = calibrated_geometry(config, geometry)
    assert found.T_probe_image == pytest.approx(T) and found.rows == geometry.rows
    write(tmp_path / "p.yaml", "image", T_probe_image=T, spacing_m=1.1 * np.array(geometry.spacing_m))
    with pytest.raises(ConfigError, match="was it calibrated at another depth"):
        calibrated_geometry(config, geometry)


def with_camera(path):
    config = CellConfig()
    return replace(config, camera=replace(config.camera, calibration=str(path)))


def test_a_camera_on_the_flange_is_not_one_on_the_base(tmp_path):
    path = write(tmp_path / "c.yaml", "hand-eye", mount="flange", T_mount_camera=np.eye(4))
    with pytest.raises(ConfigError, match="--mount base"):
        camera_pose(with_camera(path))


@pytest.mark.parametrize(("key", "kind"), [("probe", "hand-eye"), ("camera", "tcp")])
def test_a_file_of_another_kind_is_refused_before_anything_starts(tmp_path, capsys, key, kind):
    values = {"hand-eye": {"mount": "base", "T_mount_camera": np.eye(4)}, "tcp": {"p_flange_tip_m": np.zeros(3)}}
    path = write(tmp_path / "c.yaml", kind, **values[kind])
    assert main(["config", "--set", f"{key}.calibration={path}"]) == 1
    assert f"{key}.calibration = {path}: holds '{kind}'" in capsys.readouterr().err


def simulate(tmp_path, *options):
    status = main(["simulate", "--out", str(tmp_path / "runs"), *SHORT, *options])
    (folder,) = (tmp_path / "runs").iterdir()
    return status, json.loads((folder / "summary.json").read_text())


def test_good_calibrations_are_accepted(tmp_path):
    probe = write(tmp_path / "p.yaml", "tcp", p_flange_tip_m=tip(np.array([0.0003, 0.0, -0.0004])))
    write(tmp_path / "p.yaml", "ft", mass_kg=NOMINAL.probe_mass_kg + 0.004, p_ft_com_m=NOMINAL.p_ft_com + 0.001)
    T = pose(LOOKING_DOWN, np.array(CellConfig().twin.camera_m) + (0.001, 0.0, -0.001))
    camera = write(tmp_path / "c.yaml", "hand-eye", mount="base", T_mount_camera=T)
    status, summary = simulate(tmp_path, "--set", f"probe.calibration={probe}", "--set", f"camera.calibration={camera}")
    assert status == 0, summary["reason"]
    assert {name: len(digest) for name, digest in summary["calibrations"].items()} == {"probe": 12, "camera": 12}


def test_the_calibration_of_another_probe_is_refused_by_its_weight(tmp_path):
    probe = write(tmp_path / "p.yaml", "ft", mass_kg=OTHER.probe_mass_kg, p_ft_com_m=OTHER.p_ft_com)
    status, summary = simulate(tmp_path, "--set", f"probe.calibration={probe}")
    assert status == 2 and "g heavier than configured: is it the right probe" in summary["reason"]


def test_a_camera_calibrated_elsewhere_is_refused(tmp_path):
    T = pose(LOOKING_DOWN, np.array(CellConfig().twin.camera_m) + (0.0, 0.012, 0.0))
    camera = write(tmp_path / "c.yaml", "hand-eye", mount="base", T_mount_camera=T)
    status, summary = simulate(tmp_path, "--set", f"camera.calibration={camera}")
    assert status == 2 and "calibrate camera to base" in summary["reason"]
