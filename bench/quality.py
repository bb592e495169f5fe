"""Image quality against the twin's truth: `python bench/quality.py [patients] [examinations]` prints the figures as JSON.

Each patient is drawn by seed and imaged at random places, where the probe stands askew and presses too little or too much. The truth of
an image is geometry alone: which part of the face touches, and which of the target depths no bone, stone, air, lung or gap hides. What the
verdict rejects is repeated with another draw of the errors, as a repeated line meets them. The draws are wide on purpose, so that both
verdicts occur; an examination's own errors are far smaller.
"""

import json
import sys
import time
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from medrobot_ros.config import CellConfig
from medrobot_ros.geometry.pose import frame_from_z, pose, rotation_from_vector
from medrobot_ros.imaging.probe import load_probe
from medrobot_ros.imaging.quality import QualityMeter
from medrobot_ros.imaging.scan_conversion import ScanLines
from medrobot_ros.signals import Array, ImageQuality, PatientTruth
from medrobot_ros.twin.anatomy import LOW_M, VOXEL_M, Anatomy, Tissue
from medrobot_ros.twin.body import Body, load_body
from medrobot_ros.twin.ultrasound import GEL_M, TwinUltrasound

CONFIG = CellConfig()
PLACES = 4  # an image each, per patient
REGION_M = ((-0.09, 0.09), (-0.10, 0.14))  # where they lie: left, cranial
TILT_RAD, PRESS_M = 0.12, (-0.001, 0.008)  # spread of the tilts, and the range of the indentation
HIDING = (Tissue.BONE, Tissue.STONE, Tissue.AIR, Tissue.LUNG)
NEEDED_COUPLED, NEEDED_SEEN = 0.7, 0.4  # true shares of the face and of the target depths that make an image good: chosen
FIRST_PATIENT = 201  # the verdict's thresholds were chosen on the 200 before
Z95 = 1.96


def wilson(hits: int, of: int) -> list[float]:
    """Share with its 95 % confidence interval (Wilson 1927)."""
    p, n = hits / of, of
    middle = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 * sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n)) / (1 + Z95**2 / n)
    return [round(v, 3) for v in (p, middle - half, middle + half)]


def auc(scores: Array, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative (Mann-Whitney)."""
    n = int(positive.sum())
    return float((rankdata(scores)[positive].sum() - n * (n + 1) / 2) / (n * (len(scores) - n)))


def roc(scores: Array, positive: NDArray[np.bool_], patient: Array, points: int = 11) -> dict[str, Any]:
    """AUC with a 95 % interval over patients drawn again (bootstrap, 500), and some points (false, true positive rate) of the curve.

    Few patients may be all of one kind: there is no curve then.
    """
    if positive.all() or not positive.any():
        return {"auc": None, "positive": float(positive.mean()), "curve": []}
    rng, by = np.random.default_rng(0), [np.flatnonzero(patient == p) for p in np.unique(patient)]
    draws = [np.concatenate([by[k] for k in rng.integers(len(by), size=len(by))]) for _ in range(500)]
    values = [auc(scores[d], positive[d]) for d in draws if 0 < positive[d].sum() < len(d)]
    cuts = np.quantile(scores, np.linspace(1.0, 0.0, points))
    curve = [(round(float((scores[~positive] >= c).mean()), 3), round(float((scores[positive] >= c).mean()), 3)) for c in cuts]
    low, high = np.quantile(values, (0.025, 0.975))
    share = round(float(positive.mean()), 3)
    return {"auc": [round(auc(scores, positive), 3), round(float(low), 3), round(float(high), 3)], "positive": share, "curve": curve}


class PatientBench:
    """One patient of the twin under a probe that is put where it is told."""

    def __init__(self, seed: int, body: Body) -> None:
        self._body, self._rng = body, np.random.default_rng([seed, 77])
        probe = load_probe(CONFIG.probe.name)
        self._labels = Anatomy(seed, body).labels
        self.source = TwinUltrasound(CONFIG.imaging, probe, body, self._labels, seed)
        self.meter = QualityMeter(self.source.geometry(), CONFIG.quality, CONFIG.imaging.dynamic_range_db)
        faces, directions = ScanLines.of_probe(probe, 128, CONFIG.imaging.depth_m).faces_and_directions()
        self._depth_m = (np.arange(128) + 0.5) * CONFIG.imaging.depth_m / 128
        p = faces[:, None] + self._depth_m[:, None] * directions[:, None]
        self._p_probe = np.stack((p[..., 0], np.zeros_like(p[..., 0]), p[..., 1]), axis=-1)
        self._faces = np.column_stack((faces[:, 0], np.zeros(len(faces)), faces[:, 1]))
        self._stamp_ns = 0

    def place(self) -> tuple[float, float]:
        """Somewhere in the region."""
        (x0, x1), (y0, y1) = REGION_M
        return float(self._rng.uniform(x0, x1)), float(self._rng.uniform(y0, y1))

    def put(self, x: float, y: float, askew: bool = True) -> Array:
        """`T_patient_probe` (4, 4) on the skin there, with this attempt's errors unless it is not `askew`."""
        n = self._body.normal(np.array([x]), np.array([y]))[0]
        tilt = TILT_RAD * self._rng.standard_normal(2) * askew
        R = frame_from_z(-n, np.array([1.0, 0.0, 0.0])) @ rotation_from_vector(np.array([tilt[0], tilt[1], 0.0]))
        skin = np.array([x, y, self._body.height(np.array([x]), np.array([y]))[0]])
        return pose(R, skin - (self._rng.uniform(*PRESS_M) if askew else max(PRESS_M)) * n)

    def look(self, T_patient_probe: Array) -> tuple[ImageQuality, float, float]:
        """The verdict, the true coupled share of the face, and the true share of the target depths that nothing hides."""
        self._stamp_ns += 1_000_000_007
        truth = PatientTruth(self._stamp_ns, np.zeros(6), T_patient_probe, np.eye(4), np.eye(4), 0.0, 0.0, 0.0)
        image = self.source.acquire(self._stamp_ns, truth)
        assert image is not None
        return self.meter.assess(image), *self._truth(T_patient_probe)

    def _truth(self, T: Array) -> tuple[float, float]:
        coupled = self._depth_below_skin(self._faces @ T[:3, :3].T + T[:3, 3]) > -GEL_M
        p = self._p_probe @ T[:3, :3].T + T[:3, 3]
        depth = self._depth_below_skin(p)
        index = [np.clip(np.rint((v - low) / step).astype(int), 0, n - 1)
                 for v, low, step, n in zip((p[..., 0], p[..., 1], depth), LOW_M, VOXEL_M, self._labels.shape, strict=True)]  # fmt: skip
        hides = np.isin(self._labels[tuple(index)], HIDING) & (depth > 0.0)
        open_to = ~np.maximum.accumulate(hides, axis=1) & coupled[:, None]
        near, far = CONFIG.quality.target_m
        return float(coupled.mean()), float(open_to[:, (self._depth_m > near) & (self._depth_m < far)].mean())

    def _depth_below_skin(self, p: Array) -> Array:
        """Depth of points (..., 3) along the skin's normal above or below them, to first order; beside the body they lie above it."""
        x, y = p[..., 0], p[..., 1]
        depth_m = (self._body.height(x, y) - p[..., 2]) * self._body.normal(x, y)[..., 2]
        return np.nan_to_num(depth_m, nan=-1.0)


def images(patients: int) -> dict[str, Any]:
    """Verdicts against truth, and what repeats bring."""
    body, rows = load_body(""), []
    for seed in range(FIRST_PATIENT, FIRST_PATIENT + patients):
        bench = PatientBench(seed, body)
        for _ in range(PLACES):
            x, y = bench.place()
            attempts = [bench.look(bench.put(x, y)) for _ in range(1 + CONFIG.scan.max_repeats)]
            rows.append((seed, attempts))
    patient = np.array([seed for seed, _ in rows])
    first = [attempts[0] for _, attempts in rows]
    accepted = np.array([[q.accepted for q, _, _ in attempts] for _, attempts in rows])
    truly_coupled = np.array([c >= NEEDED_COUPLED for _, c, _ in first])
    truly_seen = np.array([s >= NEEDED_SEEN for _, _, s in first])
    good = truly_coupled & truly_seen
    by_now = np.maximum.accumulate(accepted, axis=1)
    return {
        "patients": patients,
        "images": len(rows),
        "accepted_after_repeats": {n: wilson(int(by_now[:, n].sum()), len(rows)) for n in range(accepted.shape[1])},
        "coupling_roc": roc(np.array([q.contact_share for q, _, _ in first]), truly_coupled, patient),
        "target_roc": roc(np.array([q.target_visibility or 0.0 for q, _, _ in first]), truly_seen, patient),
        "verdict_on_good": wilson(int((accepted[:, 0] & good).sum()), int(good.sum())),
        "verdict_on_bad": wilson(int((accepted[:, 0] & ~good).sum()), int((~good).sum())),
        "coupled_share_error": round(float(np.mean([abs(q.contact_share - c) for q, c, _ in first])), 3),
    }


def speed(repeats: int = 200) -> dict[str, float]:
    """Time to judge one image in contact [ms], on whatever threads the linear algebra has."""
    bench, times = PatientBench(1, load_body("")), []
    truth = PatientTruth(1, np.zeros(6), bench.put(0.0, 0.0, askew=False), np.eye(4), np.eye(4), 0.0, 0.0, 0.0)
    image = bench.source.acquire(1, truth)
    assert image is not None
    for _ in range(repeats):
        began = time.perf_counter()
        bench.meter.assess(image)
        times.append(time.perf_counter() - began)
    return {"median_ms": round(1e3 * float(np.median(times)), 2), "p99_ms": round(1e3 * float(np.quantile(times[1:], 0.99)), 2)}


def examinations(count: int) -> dict[str, Any]:
    """Whole examinations of tense, deeply breathing patients at a light force, with and without the image's requests to contact."""
    off = replace(CONFIG.image_servo, max_tilt_rad=0.0, max_press_n=0.0, max_rock_rad=0.0)
    return {name: [_examine(seed, servo) for seed in range(1, count + 1)] for name, servo in (("servo", CONFIG.image_servo), ("none", off))}


def _examine(seed: int, servo: Any) -> dict[str, Any]:
    from medrobot_ros.cell import Cell, run_examination, simulated_stages

    breathing = replace(CONFIG.twin.breathing, amplitude_m=0.012, frequency_hz=0.33)
    tissue = replace(CONFIG.twin.tissue, stiffness_n_per_m=1800.0)
    config = replace(
        CONFIG, seed=seed, image_servo=servo, twin=replace(CONFIG.twin, breathing=breathing, tissue=tissue),
        contact=replace(CONFIG.contact, force_n=1.5),
    )  # fmt: skip
    verdicts: list[tuple[str, bool]] = []

    def listen(topic: str, signal: Any) -> tuple[()]:
        if topic == "image/quality" and cell.latest.get("contact/state") is not None and cell.latest["contact/state"].state == "scan":
            verdicts.append((cell.task.phase, signal.accepted))
        return ()

    cell = Cell(simulated_stages(config), listen)
    for _ in run_examination(cell, 600.0):
        pass
    scanned = [ok for _, ok in verdicts]
    return {
        "outcome": cell.task.outcome, "coverage": round(cell.task.coverage, 3), "repeats": cell.task.repeats,
        "accepted": wilson(sum(scanned), len(scanned)) if scanned else None,
    }  # fmt: skip


def figures(patients: int = 200, count: int = 10) -> dict[str, Any]:
    """Everything, for so many patients and whole examinations."""
    return {"speed": speed(), **images(patients), "examinations": examinations(count)}


if __name__ == "__main__":
    numbers = [int(a) for a in sys.argv[1:]]
    print(json.dumps(figures(*numbers), indent=2))
