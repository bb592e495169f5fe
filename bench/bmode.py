"""The twin's B-mode: images a second on one core."""

import time
from dataclasses import replace
from typing import Any

import numpy as np

IMAGES = 60


def bmode() -> dict[str, Any]:
    """Time of a whole image, scan conversion included, of 192 lines of 512 samples, with one slice and with five [ms]."""
    from medrobot_ros.config import CellConfig
    from medrobot_ros.geometry.pose import pose
    from medrobot_ros.signals import PatientTruth
    from medrobot_ros.twin.ultrasound import make

    T, out = pose(np.diag([1.0, -1.0, -1.0]), np.array([-0.03, 0.01, -0.005])), {}
    for slices in (1, 5):
        config = CellConfig()
        config = replace(config, imaging=replace(config.imaging, elevation_slices=slices), probe=replace(config.probe, name="linear"))
        source, times = make(config), []
        for k in range(IMAGES):
            truth = PatientTruth(1_000_000 * (k + 1), np.zeros(6), T, np.eye(4), np.eye(4), 0.0, 1e-5 * k, 0.0)
            began = time.perf_counter()
            source.acquire(truth.stamp_ns, truth)
            times.append(1e3 * (time.perf_counter() - began))
        out[f"image_{slices}_slices_ms"] = {"median": round(float(np.median(times)), 2), "least": round(min(times), 2)}
    return out
