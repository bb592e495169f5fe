"""How true the twin's B-mode is, beside PyMUST and the version in plain numpy: points, speckle and attenuation of known truth."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from plain import plain_envelope

sys.path += [str(Path(__file__).parents[1] / "test"), str(Path(__file__).parents[1] / "test" / "unit")]
from test_twin_image import LINEAR, SETTINGS, at, block, flat_body, rows
from test_twin_pymust import MEDIUM, POINTS, of_pymust, of_the_twin

from medrobot_ros.signals import Array
from medrobot_ros.twin.anatomy import MATERIALS, Tissue
from medrobot_ros.twin.render import CpuRenderer
from medrobot_ros.twin.tables import ASSUMED_SPEED_M_PER_S
from medrobot_ros.twin.ultrasound import SAMPLES, TwinUltrasound

PLACES_M = tuple(0.02 * k for k in range(6))


def accuracy() -> dict[str, Any]:
    """Errors against the truth; PyMUST's are None where it is not installed. Plain numpy draws no points."""
    found: dict[str, Any] = {"twin": {**_points(of_the_twin()), **_speckle(plain=False)}, "plain_numpy": _speckle(plain=True)}
    try:
        import pymust  # noqa: F401
    except ImportError:
        return {**found, "pymust": None}
    return {**found, "pymust": _points(of_pymust(MEDIUM.attenuation_db_per_cm_mhz))}


def _points(seen: Array) -> dict[str, float]:
    """Greatest error of a point's place, and the error of the ratio of two points at one depth, whose true one is a half."""
    place_mm = 1e3 * float(np.abs(seen[:, :2] - POINTS[:, :2]).max())
    ratio = (seen[1, 2] / seen[2, 2]) / (POINTS[1, 2] / POINTS[2, 2])
    return {"point_mm": round(place_mm, 3), "brightness_db": round(20.0 * float(np.log10(ratio)), 2)}


def _speckle(plain: bool) -> dict[str, float]:
    """Mean over standard deviation, of which theory says 1.91, and the error of the attenuation's slope, of liver."""
    source = TwinUltrasound(replace(SETTINGS, noise_db=-140.0, tgc_db_per_cm_mhz=0.0), LINEAR, flat_body(), block(Tissue.LIVER), 0)
    rendered = CpuRenderer(source.scene)
    views = [source.view(0, at(0.0, y=y), 0.0) for y in PLACES_M]
    envelopes = np.array([plain_envelope(source.scene, v) if plain else rendered(v) for v in views])
    power, part, m = (envelopes**2).mean(axis=(0, 1)), rows(0.005, 0.1), MATERIALS[Tissue.LIVER]
    even = (envelopes / np.sqrt(power))[..., part]
    slope = np.polyfit(100.0 * SETTINGS.depth_m / SAMPLES * np.arange(SAMPLES)[part], 10.0 * np.log10(power[part]), 1)[0]
    true = -2.0 * m.attenuation_db_per_cm_mhz * 1e-6 * SETTINGS.frequency_hz * m.speed_m_per_s / ASSUMED_SPEED_M_PER_S
    percent = round(100.0 * float(slope / true - 1.0), 2)
    return {"speckle_mean_over_std": round(float(even.mean() / even.std()), 3), "attenuation_slope_percent": percent}
