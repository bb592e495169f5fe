"""What every test runs under: a ROS domain of its own, on this machine only, and no display."""

import atexit
import os
import signal
import sys
from pathlib import Path

import pytest

os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 99)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background has it ignored, and so would what it starts


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of recorded and measured data that is not part of this repository."""
    folder = Path(os.environ.get("MEDROBOT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}; set MEDROBOT_TEST_DATA")
    return folder


def pytest_unconfigure():
    """Lets pytest's closing line be the last: roboticstoolbox's drawing names at exit each of its objects that is still there."""
    if "spatialgeometry" in sys.modules:
        atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))  # only then has pytest given the descriptor back
