"""Images of a whole examination that are stamped late: by how much is found in its record."""

import re
from dataclasses import replace

import numpy as np
import pytest

from medrobot_ros.arms import load_arm
from medrobot_ros.cell import Cell, run_examination, simulated_stages
from medrobot_ros.cli import main
from medrobot_ros.config import CellConfig
from medrobot_ros.imaging.quality import QualityMeter
from medrobot_ros.imaging.source import make_source
from medrobot_ros.imaging.stage import ImagingStage
from medrobot_ros.latency import run_latency
from medrobot_ros.recording.reader import Run
from medrobot_ros.recording.writer import RecorderStage, new_run

RATE_HZ = 20.0


class Late:
    """A source whose images carry stamps `lag_s` after they were taken."""

    def __init__(self, source, lag_s: float) -> None:
        self._source, self._lag_ns = source, round(1e9 * lag_s)
        self.geometry, self.faults = source.geometry, source.faults

    def acquire(self, stamp_ns, truth):
        image = self._source.acquire(stamp_ns, truth)
        return None if image is None else replace(image, stamp_ns=image.stamp_ns + self._lag_ns)


def examined(folder, lag_s: float, seed: int):
    c = CellConfig()
    scan = replace(c.scan, size_m=(0.08, 0.06), max_repeats=0)
    c = replace(c, seed=seed, scan=scan, imaging=replace(c.imaging, simulate_rate_hz=RATE_HZ))
    run = new_run(folder, "late", c)
    recorder = RecorderStage(run, c, load_arm(c.arm.name, c.probe.name).joint_names)
    source = make_source(c)
    meter = QualityMeter(source.geometry(), c.quality, c.imaging.dynamic_range_db)
    cell = Cell({**simulated_stages(c), "imaging": ImagingStage(Late(source, lag_s), meter, RATE_HZ)}, recorder.receive)
    for _ in run_examination(cell, 60.0):
        pass
    recorder.close()
    return run


def images_at(run: Run, latency_s: float) -> np.ndarray:
    """Where the first pixel of each image lies (images, 3)."""
    return np.array([i.T_base_pixel[:3, 3] for i in run.tracked_images(latency_s=latency_s)])


def test_a_lag_of_an_examinations_images_is_found_within_five_milliseconds(tmp_path, capsys, monkeypatch):
    run = examined(tmp_path, 0.06, 1)
    assert main(["latency", str(run)]) == 0
    found = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    assert float(found["latency_ms"]) == pytest.approx(60.0, abs=5.0) and float(found["correlation"]) > 0.98
    assert main(["reconstruct", str(run), "--latency-ms", found["latency_ms"], "--out", str(tmp_path / "a.mha")]) == 0
    taken, wrong = (images_at(Run(run), s) for s in (0.06, 0.0))
    late = np.abs(images_at(Run(run), 1e-3 * float(found["latency_ms"])) - taken).max()
    assert late < 2e-4 and np.abs(wrong - taken).max() > 1e-3  # 60 ms at 20 mm/s
    every = list(Run(run).images())
    for thinned, says in ((every[::4], "images over .* are needed"), ([], "no images of the probe coming to rest")):
        monkeypatch.setattr(Run, "images", lambda _, thinned=thinned: iter(thinned))
        assert main(["latency", str(run)]) == 1
        assert re.search(says, capsys.readouterr().err)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
@pytest.mark.parametrize("lag_s", [0.0, 0.11])
def test_the_same_for_other_patients_and_lags(tmp_path, lag_s, seed):
    assert run_latency(examined(tmp_path, lag_s, seed)).latency_s == pytest.approx(lag_s, abs=0.005)
