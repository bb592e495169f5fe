"""`medrobot doppler`: duplex of the simulated patient's great vessels."""

from dataclasses import replace

import numpy as np
import pytest

from medrobot_ros.cli import main
from medrobot_ros.config import CellConfig
from medrobot_ros.twin.anatomy import Anatomy
from medrobot_ros.twin.duplex import examine

CONFIG = CellConfig()


def test_the_velocity_is_that_of_the_blood_in_the_gate():
    duplex = examine(CONFIG, "vena_cava", 20.0)
    vessel = next(v for v in Anatomy(CONFIG.seed).vessels if v.name == "vena_cava")
    assert duplex.velocity_m_per_s == pytest.approx(duplex.true_m_per_s, rel=0.1)
    assert 0.8 < duplex.true_m_per_s / duplex.axis_m_per_s < 1.0 and duplex.axis_m_per_s == 2.0 * vessel.mean_speed_m_per_s
    assert duplex.angle_rad <= np.radians(60.0)
    toward, away = np.nanmax(duplex.colour), np.nanmin(duplex.colour)
    assert toward > 0.05 and away < -0.05  # the fan looks up the stream on one side and down on the other


def test_the_command_prints_the_figures_and_draws(tmp_path, capsys):
    picture = tmp_path / "aorta.png"
    assert main(["doppler", "aorta", "--picture", str(picture)]) == 0
    said = capsys.readouterr().out
    measured, true = (float(said.split(f"{what}: ")[1].split()[0]) for what in ("mean velocity", "in truth"))
    assert measured == pytest.approx(true, rel=0.1) and picture.read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_measured_is_one_line(tmp_path, capsys):
    picture = ["--picture", str(tmp_path / "x.png")]
    assert main(["doppler", "portal_vein", *picture]) == 1
    assert "unknown vessel 'portal_vein'; valid: aorta, vena_cava" in capsys.readouterr().err
    assert main(["doppler", "aorta", "--probe", "linear", "--rocked-deg", "0", *picture]) == 1
    assert "degrees apart at best, 60 at most are of use: rock the probe further" in capsys.readouterr().err
    shallow = replace(CONFIG, imaging=replace(CONFIG.imaging, depth_m=0.05))
    with pytest.raises(Exception, match=r"no line of the image meets aorta's axis within imaging.depth_m = 0.05 m"):
        examine(shallow, "aorta", 20.0)
