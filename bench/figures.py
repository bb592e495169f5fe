"""The figures of the main job, measured now on this machine, as JSON: `make bench`.

For one arm of each maker a simulated and a real-time examination; the tick of kinematics; the reconstruction against PLUS's own volume.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cell
import force
import loss
import numpy as np
import quality
import reconstruction
from anatomy import anatomy
from bmode import beside_control, bmode
from calibration import calibration
from motion import motion
from robot_scan import robot_scan

ARMS = ("fr3", "gen3", "iiwa7")
FIGURES = (
    "outcome", "coverage", "force_error_rmse_n", "force_max_n", "contact_share", "normal_error_mean_deg", "images", "repeats", "loop",
)  # fmt: skip
LIMITS = {
    "coverage": ">= 0.95", "force_error_rmse_n": "<= 0.3", "force_max_n": "< 15", "contact_share": ">= 0.99",
    "normal_error_mean_deg": "<= 4", "loop.period_error_p99_s": "<= 0.0005", "loop.answered": ">= 0.99", "simulated_speed": ">= 5",
    "cell.ready_s": "<= 5", "cell.cpu_percent": "<= 160", "cell.pss_mb": "<= 1200", "cell.round_trip_over_ping_pong": "<= 2.5",
    "reconstruction.correlation": ">= 0.99", "reconstruction.filled": ">= 0.99", "reconstruction.mean_difference": "<= 2",
    "reconstruction.images_per_s": ">= 60", "robot_scan.points_mm": "<= 0.5", "robot_scan.spheres_mm": "<= 0.5",
    "robot_scan.vessel_across": "<= 0.05", "robot_scan.vessel_down": "<= 0.05", "robot_scan.stone": "<= 0.05", "tick_median_us": "<= 100",
}  # fmt: skip


def examination(command: str, arm: str) -> dict[str, Any]:
    """One examination's figures, and for `simulate` how many times faster than real time it ran."""
    with tempfile.TemporaryDirectory() as out:
        line = [sys.executable, "-m", "medrobot_ros.cli", command, "--arm", arm, "--yes", "--out", out]
        done = subprocess.run(line, capture_output=True, text=True, check=False, env={**os.environ, "NUMBA_NUM_THREADS": "1"})
        folder = next(Path(out).iterdir())
        summary = json.loads((folder / "summary.json").read_text())
    figures = {k: summary.get(k) for k in FIGURES}
    for text in done.stdout.splitlines():
        if text.startswith("simulated "):
            figures["simulated_speed"] = float(text.split(": ")[1].split()[0])
    return figures


def tick_us(arm_name: str) -> float:
    """Median time of a whole differential IK tick: kinematics, bounds, QP."""
    from medrobot_ros.arms import load_arm
    from medrobot_ros.arms.differential_ik import DifferentialIk

    arm = load_arm(arm_name, "curvilinear")
    ik, rng, times = DifferentialIk(arm, 0.002), np.random.default_rng(0), []
    q, qd, qdd = arm.q_home.copy(), np.zeros(arm.n), np.zeros(arm.n)
    for _ in range(5000):
        V = 0.02 * rng.standard_normal(6)
        began = time.perf_counter()
        qd_next, _ = ik.step(q, qd, qdd, V)
        times.append(time.perf_counter() - began)
        q, qd, qdd = q + qd_next * 0.002, qd_next, (qd_next - qd) / 0.002
    return round(1e6 * float(np.median(times)), 1)


def main() -> None:
    """Prints everything."""
    from kinematics import kinematics

    result = {
        "limits": LIMITS,
        "cell": cell.figures(),
        "loss": loss.figures(),
        "kinematics": kinematics(),
        "motion": {arm: motion(arm) for arm in ARMS},
        "simulate": {arm: examination("simulate", arm) for arm in ARMS},
        "scan": {arm: examination("scan", arm) for arm in ARMS},
        "tick_median_us": {arm: tick_us(arm) for arm in ARMS},
        "bmode": {**bmode(), "beside_control": beside_control()},
        "reconstruction": reconstruction.figures(),
        "robot_scan": robot_scan(),
        "anatomy": anatomy(),
        "calibration": calibration(),
        "quality": quality.figures(),
        "force": force.figures(ARMS),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
