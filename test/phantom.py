"""A phantom in the twin: tissue at the speed a machine assumes, that breathes and yields as a patient does; bodies at known places.

Places and sizes are in millimetres, from the skin above the patient frame's origin: to the left, cranial, down.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from medrobot_ros.arms import load_arm
from medrobot_ros.cell import Cell, run_examination, simulated_stages
from medrobot_ros.config import CellConfig
from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.imaging.probe import load_probe
from medrobot_ros.imaging.quality import QualityMeter
from medrobot_ros.imaging.stage import ImagingStage
from medrobot_ros.recording.writer import RecorderStage, new_run
from medrobot_ros.signals import Array
from medrobot_ros.twin.anatomy import Material
from medrobot_ros.twin.anatomy.grid import Grid
from medrobot_ros.twin.body import load_body
from medrobot_ros.twin.ultrasound import TwinUltrasound

GEL, TISSUE, FLUID, STONE = range(4)
MATERIALS = (
    Material(1.48, 0.0022, 1540.0, -90.0, 0.0), Material(1.63, 0.5, 1540.0, -36.0, 0.0),
    Material(1.60, 0.05, 1540.0, -75.0, 0.0), Material(4.0, 12.0, 2400.0, -12.0, 0.0),
)  # fmt: skip
BEADS_MM = np.array([(x, y, d) for x in (-7.0, 7.0) for d in (28.0, 50.0) for y in (-12.0, 12.0)])
SPHERES_MM = np.array([(0.0, -0.5, 40.5), (0.0, -0.5, 62.5)])  # voxels of the twin lie evenly about them
SPHERE_MM, VESSEL_MM, STONE_MM, BILE_MM = 10.0, 18.0, 12.0, 30.0  # diameters
VESSEL_AT_MM, VESSEL_TURN_RAD = np.array([23.0, 0.0, 42.0]), 0.15  # it runs along the body, turned to the left
VESSEL_AXIS = np.array([np.sin(VESSEL_TURN_RAD), np.cos(VESSEL_TURN_RAD), 0.0])
STONE_AT_MM = np.array([-23.0, 0.0, 44.0])


def config(
    seed: int = 3, amplitude_m: float = 0.006, force_n: float = CellConfig().contact.force_n, stiffness_n_per_m: float = 2000.0
) -> CellConfig:
    """A slow scan of a small region; few elements touch at a light push; the patient breathes."""
    c = CellConfig()
    breathing = replace(c.twin.breathing, amplitude_m=amplitude_m)
    twin = replace(c.twin, breathing=breathing, tissue=replace(c.twin.tissue, stiffness_n_per_m=stiffness_n_per_m))
    return replace(
        c, seed=seed, twin=twin, contact=replace(c.contact, force_n=force_n), image_servo=replace(c.image_servo, max_press_n=0.0),
        quality=replace(c.quality, min_contact_share=0.6),
        scan=replace(c.scan, size_m=(0.05, 0.06), speed_m_per_s=0.01, max_repeats=0, min_coverage=0.7),
        imaging=replace(c.imaging, simulate_rate_hz=20.0, depth_m=0.08, focus_m=0.045, frequency_hz=5e6),
    )  # fmt: skip


class Phantom:
    """What lies where."""

    def __init__(self, c: CellConfig) -> None:
        self.body = load_body("")
        self._grid = Grid(self.body)
        self._top = self._grid.patient_point(0.0, 0.0, 0.0)
        self._T_base_patient = pose(rotation_from_vector(np.array([0.0, 0.0, c.body.yaw_rad])), np.asarray(c.body.position_m))

    def p_patient(self, at_mm: Array) -> Array:
        """Places (..., 3) in the patient frame [m]."""
        return self._top + 1e-3 * at_mm * np.array([1.0, 1.0, -1.0])

    def base_mm(self, at_mm: Array) -> Array:
        """Places (..., 3) in base at mid-breath, untouched."""
        T = self._T_base_patient
        return 1e3 * (self.p_patient(at_mm) @ T[:3, :3].T + T[:3, 3])

    def points(self) -> Array:
        """The beads as the twin takes them."""
        return np.array([(*self._grid.skin_coordinates(self.p_patient(b)), 3.0) for b in BEADS_MM])

    def labels(self) -> Array:
        """The volume below the skin."""
        g = self._grid
        out = np.full(g.shape, TISSUE, np.uint8)
        for i in range(g.shape[0]):
            p = 1e3 * (g.skin[i, :, None] - g.depth[:, None] * g.outward[i, :, None] - self._top) * np.array([1.0, 1.0, -1.0])
            for at in SPHERES_MM:
                out[i][_within(p, at, SPHERE_MM)] = FLUID
            out[i][_within(p - ((p - VESSEL_AT_MM) @ VESSEL_AXIS)[..., None] * VESSEL_AXIS, VESSEL_AT_MM, VESSEL_MM)] = FLUID
            out[i][_within(p, STONE_AT_MM, BILE_MM)] = FLUID
            out[i][_within(p, STONE_AT_MM, STONE_MM)] = STONE
        return out


def _within(p: Array, at: Array, diameter_mm: float) -> Array:
    return ((p - at) ** 2).sum(axis=-1) < (0.5 * diameter_mm) ** 2


def scanned(folder: Path, c: CellConfig, phantom: Phantom) -> Path:
    """The record of an examination of the phantom."""
    run = new_run(folder, "phantom", c)
    recorder = RecorderStage(run, c, load_arm(c.arm.name, c.probe.name).joint_names)
    source = TwinUltrasound(c.imaging, load_probe(c.probe.name), phantom.body, phantom.labels(), c.seed, phantom.points(), MATERIALS)
    meter = QualityMeter(source.geometry(), c.quality, c.imaging.dynamic_range_db)
    stages = {**simulated_stages(c), "imaging": ImagingStage(source, meter, c.imaging.simulate_rate_hz)}
    cell = Cell(stages, recorder.receive)
    for _ in run_examination(cell, 180.0):
        pass
    recorder.close()
    assert cell.task.outcome == "accepted", cell.task
    return run
