"""Measurements by the command, on files whose content is known."""

from pathlib import Path

import numpy as np
import pytest

from medrobot_ros.cli import main
from medrobot_ros.imaging.sequence import Frame, Sequence, write_sequence
from medrobot_ros.imaging.volume import Volume, write_volume


@pytest.fixture
def volume(tmp_path) -> str:
    """A dark tube of 8 mm along z, its middle at (20, 15) mm, in voxels of 0.5 x 0.25 x 1 mm that begin at (-5, 2, 7) mm."""
    x, y = -5.0 + 0.5 * np.arange(100), 2.0 + 0.25 * np.arange(120)
    outside = np.clip((np.hypot(x[None, :] - 20.0, y[:, None] - 15.0) - 4.0) / 0.5 + 0.5, 0.0, 1.0)
    voxels = np.repeat((10.0 + 140.0 * outside).astype(np.uint8)[None], 6, axis=0)
    write_volume(tmp_path / "v.mha", Volume(voxels, (0.5, 0.25, 1.0), (-5.0, 2.0, 7.0)))
    return str(tmp_path / "v.mha")


@pytest.fixture
def sequence(tmp_path) -> str:
    pixels = np.zeros((3, 40, 30), np.uint8)
    frames = tuple(Frame(0.1 * k, k != 1, {}) for k in range(3))
    write_sequence(tmp_path / "s.igs.mha", Sequence(tmp_path, pixels, (0.2, 0.4), frames))
    return str(tmp_path / "s.igs.mha")


def told(capsys, *line: str) -> dict[str, str]:
    *options, points = line
    assert main(["measure", *options, "--at", *points.split()]) == 0
    return dict(row.split(": ") for row in capsys.readouterr().out.splitlines())


def refused(capsys, *line: str) -> str:
    *options, points = line
    assert main(["measure", *options, "--at", *points.split()]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_distance_area_and_volume_carry_the_spacing(capsys, volume, sequence):
    assert float(told(capsys, "distance", volume, "0 0 0 6 16 4")["distance_mm"]) == pytest.approx(np.sqrt(9.0 + 16.0 + 16.0), abs=1e-4)
    assert float(told(capsys, "distance", volume, "--mm", "-5 2 7 -2 6 11")["distance_mm"]) == pytest.approx(np.sqrt(41.0), abs=1e-4)
    assert float(told(capsys, "distance", sequence, "--image", "2", "1 1 11 1")["distance_mm"]) == pytest.approx(2.0)
    assert float(told(capsys, "area", sequence, "--image", "0", "5 5 15 5 15 25 5 25")["area_mm2"]) == pytest.approx(2.0 * 8.0)
    found = told(capsys, "volume", volume, "--mm", "0 5 9 30 5 9 15 5 9 15 25 9 15 15 7 15 15 12")
    assert found["diameters_mm"] == "[30.0, 20.0, 5.0]" and float(found["volume_ml"]) == pytest.approx(np.pi / 6.0 * 3.0, abs=1e-3)


def test_a_vessel_is_as_wide_whichever_way_it_is_crossed(capsys, volume):
    for line in ("13 15 10 27 15 10", "20 8 10 20 22 10", "15 10 9 25 20 9"):
        found = told(capsys, "diameter", volume, "--mm", line)
        assert float(found["diameter_mm"]) == pytest.approx(8.0, abs=0.1)
    assert found["walls_mm"].count(",") == 5


def test_what_cannot_be_measured_says_what_is_needed(capsys, volume, sequence, tmp_path):
    assert "holds images 0 to 2; say which one with --image" in refused(capsys, "distance", sequence, "1 1 2 2")
    assert "Seq_Frame0001_ImageStatus = INVALID" in refused(capsys, "distance", sequence, "--image", "1", "1 1 2 2")
    assert "distance needs two points, not 1" in refused(capsys, "distance", volume, "1 1 1")
    assert "5 numbers are no points of 3 each, X Y Z" in refused(capsys, "distance", volume, "1 1 1 2 2")
    assert "point (1, 500, 1) lies outside the 100 x 120 x 6 pixels" in refused(capsys, "distance", volume, "1 500 1 2 2 2")
    assert "crosses no dark lumen" in refused(capsys, "diameter", volume, "1 1 1 9 1 1")
    assert "no images to choose from" in refused(capsys, "distance", volume, "--image", "1", "1 1 1 2 2 2")
    assert "six points" in refused(capsys, "volume", volume, "1 1 1 2 2 2")
    assert "an outline needs three points" in refused(capsys, "area", sequence, "--image", "0", "1 1 2 2")
    assert "no such file" in refused(capsys, "distance", str(Path(tmp_path) / "none.mha"), "1 1 1 2 2 2").lower()
