from pathlib import Path

import numpy as np
import pytest

from medrobot_ros.cli import main
from medrobot_ros.errors import DataError
from medrobot_ros.imaging.machine_geometry import read_machine_geometry
from medrobot_ros.imaging.rf import RF_REAL, Compression
from medrobot_ros.imaging.scan_convert import scan_convert_file
from medrobot_ros.imaging.sequence import BRIGHTNESS, Frame, Sequence, read_sequence, write_sequence

CURVED = """<PlusConfiguration><RfProcessing><ScanConversion TransducerGeometry="CURVILINEAR" RadiusStartMm="40" RadiusStopMm="100"
ThetaStartDeg="-30" ThetaStopDeg="30" OutputImageSizePixel="240 160" TransducerCenterPixel="120 20" OutputImageSpacingMmPerPixel="0.5 0.5"
/></RfProcessing></PlusConfiguration>"""
LINEAR = """<PlusConfiguration><RfProcessing><ScanConversion TransducerGeometry="LINEAR" ImagingDepthMm="60" TransducerWidthMm="40"
OutputImageSizePixel="100 130" TransducerCenterPixel="50 4" OutputImageSpacingMmPerPixel="0.5 0.5"/></RfProcessing></PlusConfiguration>"""
LINES, SAMPLES = 64, 600


def recorded(path: Path, lines: np.ndarray, image_type: str = BRIGHTNESS) -> Path:
    T = np.eye(4)
    T[0, 3] = 7.5
    frames = tuple(Frame(0.1 * k, k != 1, {"ProbeToTracker": T}) for k in range(len(lines)))
    write_sequence(path, Sequence(path, lines, (1.0, 1.0), frames, image_type))
    return path


def xml(tmp_path: Path, text: str) -> Path:
    (tmp_path / "g.xml").write_text(text)
    return tmp_path / "g.xml"


def bright(line: int, sample: int, dtype: type = np.uint8) -> np.ndarray:
    lines = np.zeros((2, LINES, SAMPLES), dtype)
    lines[:, line - 1 : line + 2, sample - 4 : sample + 5] = 250
    return lines


def test_the_command_converts_real_scan_lines_as_plus_does(test_data, tmp_path, capsys):
    plus = test_data / "plus"
    file, geometry = plus / "UltrasonixCurvilinearBrightnessData.igs.mha", plus / "UltrasonixCurvilinearScanConversion.xml"
    assert main(["scan-convert", str(file), "--geometry", str(geometry), "--out", str(tmp_path / "i.mha")]) == 0
    assert "frames: 5" in capsys.readouterr().out
    ours, theirs = read_sequence(tmp_path / "i.mha"), read_sequence(plus / "UltrasonixCurvilinearScanConvertedData.igs.mha")
    difference = np.abs(ours.pixels.astype(int) - theirs.pixels)
    both = (ours.pixels > 0) & (theirs.pixels > 0)
    assert difference[both].mean() < 0.25 and difference.max() <= 1
    assert [f.time_s for f in ours.frames] == [f.time_s for f in theirs.frames] and ours.spacing_mm == (0.15, 0.15)


def test_a_curved_geometry_puts_a_sample_at_its_angle_and_depth(tmp_path):
    file = recorded(tmp_path / "l.mha", bright(48, 400))
    stats = scan_convert_file(file, xml(tmp_path, CURVED), tmp_path / "i.mha", Compression())
    images = read_sequence(tmp_path / "i.mha")
    row, column = np.argwhere(images.pixels[0] > 200).mean(axis=0)
    angle, radius = np.radians(-30.0 + 60.0 * 48 / (LINES - 1)), 40.0 + 60.0 * 400 / SAMPLES
    assert 0.5 * (column - 120 + 0.5) == pytest.approx(radius * np.sin(angle), abs=0.25)
    assert 0.5 * (row - 20) == pytest.approx(radius * np.cos(angle) - 40.0, abs=0.25)
    assert (stats["frames"], stats["invalid"], stats["lines"], stats["samples"]) == (2, 1, LINES, SAMPLES)
    assert stats["invalid 1"].endswith("_ImageStatus = INVALID")
    assert images.frames[0].transforms["ProbeToTracker"][0, 3] == 7.5 and not images.frames[1].ok


def test_angles_need_not_be_symmetric(tmp_path):
    file = recorded(tmp_path / "l.mha", bright(32, 300))
    turned = CURVED.replace('ThetaStartDeg="-30"', 'ThetaStartDeg="-10"').replace('ThetaStopDeg="30"', 'ThetaStopDeg="40"')
    scan_convert_file(file, xml(tmp_path, turned), tmp_path / "i.mha", Compression())
    row, column = np.argwhere(read_sequence(tmp_path / "i.mha").pixels[0] > 200).mean(axis=0)
    x, z = 0.5 * (column - 120 + 0.5), 40.0 + 0.5 * (row - 20)
    assert np.degrees(np.arctan2(x, z)) == pytest.approx(-10.0 + 50.0 * 32 / (LINES - 1), abs=0.3)


def test_a_linear_geometry_puts_line_and_sample_where_plus_does(tmp_path):
    file = recorded(tmp_path / "l.mha", bright(40, 300))
    scan_convert_file(file, xml(tmp_path, LINEAR), tmp_path / "i.mha", Compression())
    row, column = np.argwhere(read_sequence(tmp_path / "i.mha").pixels[0] > 200).mean(axis=0)
    assert 0.5 * (column - 50) == pytest.approx((40 - LINES // 2) * 40.0 / LINES, abs=0.25)
    assert 0.5 * (row - 4) == pytest.approx(300 * 60.0 / SAMPLES, abs=0.25)


def test_recorded_echoes_become_images(tmp_path):
    k = np.arange(SAMPLES)
    echo = 9000.0 * np.exp(-(((k - 300) / 25.0) ** 2)) * np.cos(2 * np.pi * k / 7.0)
    lines = np.zeros((1, LINES, SAMPLES), np.int16)
    lines[0, 31:34] = np.rint(echo)
    file = recorded(tmp_path / "rf.mha", lines, RF_REAL)
    scan_convert_file(file, xml(tmp_path, CURVED), tmp_path / "i.mha", Compression(40.0))
    image = read_sequence(tmp_path / "i.mha").pixels[0]
    column = image[:, 121].astype(int)
    assert pytest.approx(float(column.argmax()), abs=1.0) == 20 + 2 * 300 * 60.0 / SAMPLES and column.max() > 250
    (bright_rows,) = np.nonzero(column > 0)
    assert np.all(np.diff(bright_rows) == 1)  # an envelope, not the echo's own oscillation


@pytest.mark.parametrize(
    ("text", "old", "new", "says"),
    [
        (CURVED, "ScanConversion", "Other", "no <ScanConversion>"),
        (CURVED, '"CURVILINEAR"', '"ROUND"', "TransducerGeometry of <ScanConversion> is ROUND: must be one of CURVILINEAR, LINEAR"),
        (CURVED, 'RadiusStopMm="100"', 'RadiusStopMm="10"', "RadiusStartMm must be above zero and below"),
        (CURVED, 'ThetaStopDeg="30"', 'ThetaStopDeg="-40"', "ThetaStartDeg must lie below"),
        (CURVED, 'ThetaStopDeg="30"', "", "<ScanConversion> has no ThetaStopDeg"),
        (CURVED, '"240 160"', '"0 160"', "OutputImageSizePixel must be"),
        (LINEAR, 'ImagingDepthMm="60"', 'ImagingDepthMm="-60"', "must be above zero"),
        (LINEAR, '"0.5 0.5"', '"0.5"', "must be 2 finite numbers"),
    ],
)
def test_a_broken_geometry_is_one_line_that_names_it(tmp_path, text, old, new, says):
    with pytest.raises(DataError) as e:
        read_machine_geometry(xml(tmp_path, text.replace(old, new)))
    assert says in str(e.value) and "g.xml" in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("lines", "image_type", "says"),
    [
        (bright(8, 8, np.int16), BRIGHTNESS, "needs ElementType = MET_UCHAR"),
        (bright(8, 8, np.int16), "RF_OTHER", "UltrasoundImageType = RF_OTHER: must be one of"),
        (bright(8, 8, np.float32), RF_REAL, "ElementType = MET_FLOAT: must be MET_UCHAR or MET_SHORT or MET_INT"),
        (np.zeros((1, 1, 64), np.uint8), BRIGHTNESS, "two lines of two samples"),
    ],
)
def test_lines_that_cannot_be_converted_are_one_line_that_names_them(tmp_path, capsys, lines, image_type, says):
    file = recorded(tmp_path / "l.mha", lines, image_type)
    geometry = xml(tmp_path, CURVED)
    assert main(["scan-convert", str(file), "--geometry", str(geometry), "--out", str(tmp_path / "i.mha")]) == 1
    error = capsys.readouterr().err
    assert says in error and "l.mha" in error and error.count("\n") == 1
