"""The B-mode on a CUDA device: numba's simulator runs the kernels' source thread by thread where there is none."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_twin_image import SETTINGS, at, block, flat_body

from medrobot_ros.errors import MachineError
from medrobot_ros.imaging.probe import ProbeGeometry
from medrobot_ros.twin.anatomy import Tissue
from medrobot_ros.twin.gpu import has_gpu
from medrobot_ros.twin.ultrasound import TwinUltrasound
from medrobot_ros.twin.vessel import Vessel

TINY = ProbeGeometry("tiny", "curvilinear", 12, 0.007, radius_m=0.03, field_of_view_rad=0.6)


def echoes(device: str, probe: ProbeGeometry = TINY) -> np.ndarray:
    """Scan lines of fat over liver with a beating vessel, and of a point."""
    labels = block(Tissue.LIVER, (Tissue.FAT, 0.004, 0.02))
    labels[118:124, :, 45:55] = Tissue.BLOOD
    settings = replace(SETTINGS, device=device, elevation_slices=2)
    point, vessel = np.array([[0.0, 0.0, 0.07, 1.0]]), Vessel("vessel", (0.0, 0.0, 0.05), (0.0, 1.0, 0.0), 0.005, 0.2, pulse_share=0.1)
    twin = TwinUltrasound(settings, probe, flat_body(), labels, 0, point, vessels=(vessel,), heart_hz=30.0)
    return twin.echoes(7_000_000, at(0.002), 0.001)


def agree(one: np.ndarray, other: np.ndarray) -> bool:
    """Within one grey level on 99.9 % of the samples."""
    return bool((np.abs(one.astype(int) - other) <= 1).mean() >= 0.999)


def test_simulated_cuda_threads_draw_the_same_image(tmp_path):
    file = tmp_path / "echoes.npy"
    code = f"import numpy, test_twin_gpu as t; numpy.save({str(file)!r}, t.echoes('gpu'))"
    here = Path(__file__).parent
    paths = os.pathsep.join(str(p) for p in (here, here.parent, here.parents[1]))
    env = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    simulated, processor = np.load(file), echoes("cpu")
    assert processor.std() > 20.0
    assert agree(simulated, processor)


@pytest.mark.skipif(not has_gpu(), reason="no CUDA device")
def test_a_real_gpu_draws_the_same_image():
    probe = ProbeGeometry("full", "curvilinear", 192, 0.007, radius_m=0.05, field_of_view_rad=1.2)
    assert agree(echoes("gpu", probe), echoes("cpu", probe))


@pytest.mark.skipif(has_gpu(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so_in_a_line_and_auto_takes_the_processor():
    with pytest.raises(MachineError, match="no CUDA device was found; use cpu or auto"):
        echoes("gpu")
    assert np.array_equal(echoes("auto"), echoes("cpu"))
