"""`medrobot calibrate`: measured poses in, sections of a calibration file out."""

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from medrobot_ros.calibration.samples import read_samples
from medrobot_ros.calibration.store import Section, read_sections, write_section
from medrobot_ros.cli import main
from medrobot_ros.errors import ConfigError, DataError

TIP_M = np.array([0.0, 0.01, 0.16])
POSE = ("x", "y", "z", "qx", "qy", "qz", "qw")


@pytest.fixture
def pivoting():
    """Rows of flange poses whose tip rests at (0.5, 0, 0.1) m."""
    turns = Rotation.from_rotvec(np.random.default_rng(3).uniform(-0.5, 0.5, (12, 3)))
    return np.column_stack((np.array([0.5, 0.0, 0.1]) - turns.apply(TIP_M), turns.as_quat()))


@pytest.fixture
def poses_csv(tmp_path, pivoting):
    path = tmp_path / "poses.csv"
    path.write_text("# flange in base\n" + ",".join(POSE) + "\n" + "\n".join(",".join(f"{v:.9f}" for v in row) for row in pivoting))
    return path


@pytest.fixture
def weight():
    arrays = {"F_bias": np.zeros(6), "p_ft_com_m": np.ones(3), "std_bias": np.ones(6), "std_com_m": np.ones(3)}
    numbers = {"samples": 5, "mass_kg": 0.4, "std_mass_kg": 0.01, "residual_n": 0.1, "residual_nm": 0.1}
    return Section("ft", "2024-05-01", "B7", arrays | numbers)


def test_the_command_writes_a_section_with_date_serial_and_residual(tmp_path, poses_csv, capsys):
    out = tmp_path / "probe.yaml"
    assert main(["calibrate", "tcp", str(poses_csv), "--out", str(out), "--serial", "A12"]) == 0
    section = read_sections(out)["tcp"]
    assert section.serial == "A12" and len(section.date) == 10
    assert section.array("p_flange_tip_m") == pytest.approx(TIP_M, abs=1e-7)
    assert "residual_m" in capsys.readouterr().out


def test_csv_and_yaml_say_the_same(tmp_path, poses_csv, pivoting):
    path = tmp_path / "poses.yaml"
    path.write_text(yaml.safe_dump({"samples": [dict(zip(POSE, row.tolist(), strict=True)) for row in pivoting]}))
    assert read_samples(path, POSE) == pytest.approx(read_samples(poses_csv, POSE), abs=1e-8)


def test_a_poor_measurement_is_one_line_and_writes_nothing(tmp_path, capsys):
    path, out = tmp_path / "poses.csv", tmp_path / "probe.yaml"
    path.write_text("x,y,z,qx,qy,qz,qw\n" + "0.5,0,0.1,0,0,0,1\n" * 6)
    assert main(["calibrate", "tcp", str(path), "--out", str(out), "--serial", "A12"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "hardly turn" in error and not out.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n", "sample 1 has no column 'z'; it has x, y"),
        ("x,y,z,qx,qy,qz,qw\n1,2,3,0,0,0,up\n", "qw of sample 1 is 'up'"),
        ("x,y,z,qx,qy,qz,qw\n1,2,3,0,0,0\n", "qw of sample 1 is None"),
        ("x,y,z,qx,qy,qz,qw\n", "no samples"),
    ],
)
def test_a_bad_row_is_named(tmp_path, text, message):
    path = tmp_path / "poses.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_samples(path, POSE)


def test_sections_of_one_serial_share_a_file(tmp_path, weight, poses_csv, capsys):
    out = tmp_path / "probe.yaml"
    write_section(out, weight)
    assert main(["calibrate", "tcp", str(poses_csv), "--out", str(out), "--serial", "B7"]) == 0
    assert set(read_sections(out)) == {"ft", "tcp"}
    assert read_sections(out)["ft"].array("p_ft_com_m") == pytest.approx(np.ones(3))
    assert main(["calibrate", "tcp", str(poses_csv), "--out", str(out), "--serial", "C1"]) == 1
    assert "serial number 'B7', not 'C1'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mass_kg": "heavy"}, "ft.mass_kg must be a finite number"),
        ({"mass_kg": -0.1}, "must not be negative"),
        ({"p_ft_com_m": [0.0, 0.0]}, "ft.p_ft_com_m must be 3 finite numbers"),
        ({"mass": 0.4}, "unknown key 'mass'; the nearest is 'mass_kg'"),
        ({"serial": None}, "ft.serial is missing"),
    ],
)
def test_a_bad_file_is_named(tmp_path, weight, change, message):
    out = tmp_path / "probe.yaml"
    write_section(out, weight)
    values = yaml.safe_load(out.read_text())
    out.write_text(yaml.safe_dump({"ft": values["ft"] | change}))
    with pytest.raises(ConfigError, match=message):
        read_sections(out)
