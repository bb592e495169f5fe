"""The twin's B-mode: images a second on one core, beside a version in plain numpy and PyMUST, which simulates every element."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from accuracy import accuracy
from plain import plain_envelope

from medrobot_ros.config import CellConfig
from medrobot_ros.geometry.pose import frame_from_z, pose
from medrobot_ros.imaging.quality import QualityMeter
from medrobot_ros.imaging.scan_conversion import ScanConverter
from medrobot_ros.recording.reader import Run
from medrobot_ros.signals import Array, PatientTruth
from medrobot_ros.twin.body import load_body
from medrobot_ros.twin.ultrasound import TwinUltrasound, make

IMAGES = 40
SCREEN = (480, 640)  # pixels
STREAM_HZ = 30.0
PRESS_M, PLACES_M = 0.005, ((-0.07, 0.02), (-0.02, 0.09), (0.03, -0.05))
PYMUST_POINTS = 2000  # scatterers; a speckled image needs about ten in each resolution cell, some hundred thousand


def bmode() -> dict[str, Any]:
    """Images of 192 lines of 512 samples on 640 x 480 pixels a second, by CPU time, scan conversion and compression included; how long
    after the truth a judged image is there; and how true points and speckle are drawn."""
    on_screen = {f"{n}_slices": _per_second(_twin(n)) for n in (1, 5)}
    return {
        "images_per_s": {**on_screen, "plain_numpy": _per_second(_plain()), "pymust": _pymust()},
        "latency_ms": {f"{n}_slices": _latency_ms(n) for n in (1, 5)},
        "accuracy": accuracy(),
    }


def beside_control() -> dict[str, Any]:
    """Such images with 5 slices, 30 a second, in a real-time examination: how many came, and how control fared in the same run."""
    settings = {"rate_hz": STREAM_HZ, "elevation_slices": 5, "most_pixels": SCREEN[0] * SCREEN[1]}
    with TemporaryDirectory() as out:
        line = [sys.executable, "-m", "medrobot_ros.cli", "scan", "--yes", "--probe", "linear", "--out", out]
        line += [word for key, value in settings.items() for word in ("--set", f"imaging.{key}={value}")]
        said = subprocess.run(line, capture_output=True, text=True, check=False, env={**os.environ, "NUMBA_NUM_THREADS": "1"})
        folder = next(Path(out).iterdir(), None)
        if folder is None:
            raise RuntimeError(f"no examination: {said.stderr.strip()}")
        summary = json.loads((folder / "summary.json").read_text())
        stamps_s = 1e-9 * np.array([image.stamp_ns for image in Run(folder).images()])
    figures = {key: summary[key] for key in ("outcome", "reason", "loop", "force_error_rmse_n", "contact_share", "images")}
    return {"images_per_s": round(float((len(stamps_s) - 1) / (stamps_s[-1] - stamps_s[0])), 1), **figures}


def _latency_ms(slices: int) -> dict[str, float]:
    """From the truth to the image and its verdict, on one core."""
    source, _ = _source(slices)
    meter = QualityMeter(source.geometry(), CellConfig().quality, CellConfig().imaging.dynamic_range_db)
    times = []
    for k in range(IMAGES + 1):  # the first one compiles
        truth = PatientTruth(k + 1, np.zeros(6), _on_skin(*PLACES_M[k % len(PLACES_M)]), np.eye(4), np.eye(4), 0.0, 0.0, PRESS_M)
        began = time.perf_counter()
        image = source.acquire(k, truth)
        assert image is not None
        meter.assess(image)
        times.append(1e3 * (time.perf_counter() - began))
    return {"median": round(float(np.median(times[1:])), 1), "p99": round(float(np.quantile(times[1:], 0.99)), 1)}


def _per_second(draw: Callable[[Array], Any]) -> dict[str, float]:
    """Median and best over places on the abdomen."""
    places, times = [_on_skin(x, y) for x, y in PLACES_M], []
    for k in range(IMAGES):
        began = time.process_time()
        draw(places[k % len(places)])
        times.append(time.process_time() - began)
    return {"median": round(1.0 / float(np.median(times)), 1), "best": round(1.0 / min(times), 1)}


def _on_skin(x: float, y: float) -> Array:
    """`T_patient_probe` (4, 4) of a probe pressed in along the skin's normal."""
    body = load_body("")
    normal = body.normal(np.array([x]), np.array([y]))[0]
    skin = np.array([x, y, body.height(np.array([x]), np.array([y]))[0]])
    return pose(frame_from_z(-normal, np.array([1.0, 0.0, 0.0])), skin - PRESS_M * normal)


def _source(slices: int) -> tuple[TwinUltrasound, ScanConverter]:
    c = CellConfig()
    source = make(replace(c, imaging=replace(c.imaging, elevation_slices=slices), probe=replace(c.probe, name="linear")))
    half_m = 0.5 * source.scan.width
    x, z = np.linspace(-half_m, half_m, SCREEN[1]), np.linspace(0.0, source.scan.depth_m, SCREEN[0])
    return source, ScanConverter(source.scan, x, z)


def _twin(slices: int) -> Callable[[Array], Any]:
    source, convert = _source(slices)
    return lambda T: convert(source.echoes(0, T, 0.0))


def _plain() -> Callable[[Array], Any]:
    """The same picture, its pixels interpolated by scipy."""
    from scipy.ndimage import map_coordinates

    source, _ = _source(1)
    lines, samples = source.scan.lines, source.scan.samples
    at = np.meshgrid(np.linspace(0.0, samples - 1.0, SCREEN[0]), np.linspace(0.0, lines - 1.0, SCREEN[1]), indexing="ij")[::-1]
    scale = 20.0 * 255.0 / CellConfig().imaging.dynamic_range_db

    def draw(T: Array) -> Any:
        envelope = plain_envelope(source.scene, source.view(0, T, 0.0))
        level = np.clip(scale * np.log10(envelope + 1e-10) + 255.0, 0.0, 255.0)
        return map_coordinates(level, at, order=1).astype(np.uint8)

    return draw


def _pymust() -> dict[str, float] | None:
    """One plane wave on `PYMUST_POINTS` scatterers, received on 192 x 512 places; None where it is not installed."""
    try:
        import pymust
    except ImportError:
        return None
    import warnings

    source, _ = _source(1)
    param, c, rng = pymust.getparam("L11-5v"), CellConfig().imaging, np.random.default_rng(0)
    param.fc, param.fs, param.fnumber, param.t0 = c.frequency_hz, 4 * c.frequency_hz, c.f_number, np.zeros(1)
    param.Nelements, param.pitch = source.scan.lines, source.scan.width / (source.scan.lines - 1)
    param.kerf, param.width = 0.1 * param.pitch, 0.9 * param.pitch
    x, z = source.scan.across, np.linspace(0.005, source.scan.depth_m, source.scan.samples)
    places = rng.uniform(x[0], x[-1], PYMUST_POINTS), rng.uniform(z[0], z[-1], PYMUST_POINTS)
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        delays = pymust.txdelay(param, 0.0)
        iq = pymust.rf2iq(pymust.simus(*places, rng.standard_normal(PYMUST_POINTS), delays, param)[0], param)
        pymust.dasmtx(iq, *np.meshgrid(x, z), delays, param) @ iq.flatten(order="F")
    return {"points": PYMUST_POINTS, "median": round(1.0 / (time.process_time() - began), 4)}


if __name__ == "__main__":
    print(json.dumps({"bmode": bmode(), "beside_control": beside_control()}, indent=2))
