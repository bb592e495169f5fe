"""Random scenes for free motion that are known to have a way: boxes are only put where a bent way stays free."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from medrobot_ros.arms import load_arm
from medrobot_ros.arms.capsules import Box
from medrobot_ros.arms.collision import CollisionModel
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.obstacles import Obstacles, read_obstacles
from medrobot_ros.config import CellConfig
from medrobot_ros.description import robot_description
from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.signals import Array

PERIOD_S, MARGIN_M, BOXES = 0.002, 0.01, 6
LOW_M, HIGH_M = [-0.6, -0.6, 0.0], [0.8, 0.6, 1.0]  # where boxes stand, in base


class Scene(NamedTuple):
    """From `q` to `q_goal` the straight way is blocked."""

    model: ArmModel
    cell: CollisionModel
    q: Array
    q_goal: Array


def standard_cell(arm: str) -> Obstacles:
    """The table and the patient of the default configuration."""
    config = CellConfig()
    urdf = robot_description(replace(config, arm=replace(config.arm, name=arm)))
    return read_obstacles(urdf, load_arm(arm, "curvilinear"))


def solvable_scenes(arm: str, count: int, seed: int = 5) -> Iterator[Scene]:
    """The same ones for a seed."""
    model, rng, standard = load_arm(arm, "curvilinear"), np.random.default_rng(seed), standard_cell(arm)
    bare, found = CollisionModel(model, standard, MARGIN_M, PERIOD_S), 0
    while found < count:
        begin, bend, end = (_posture(model, bare, rng) for _ in range(3))
        if not (_free(bare, begin, bend) and _free(bare, bend, end)):
            continue
        in_the_way = model.T_base_probe(0.5 * (begin + end))[:3, 3]
        stand, cell = standard, bare
        for k in range(BOXES):
            box = _box(f"box {k}", in_the_way if k == 0 else rng.uniform(LOW_M, HIGH_M), rng)
            more = replace(stand, boxes=(*stand.boxes, box))
            fuller = CollisionModel(model, more, MARGIN_M, PERIOD_S)
            if _free(fuller, begin, bend) and _free(fuller, bend, end):
                stand, cell = more, fuller
            elif k == 0:
                break
        if not cell.way_is_free(begin, end, cell.margins):
            found += 1
            yield Scene(model, cell, begin, end)


def _posture(model: ArmModel, cell: CollisionModel, rng: np.random.Generator) -> Array:
    low, high = np.where(model.wraps, -np.pi, model.q_lower), np.where(model.wraps, np.pi, model.q_upper)
    while True:
        q = rng.uniform(low, high)
        if not cell.too_near(q, cell.margins):
            return q


def _box(name: str, p_base_box: Array, rng: np.random.Generator) -> Box:
    return Box(name, pose(rotation_from_vector(rng.normal(size=3)), p_base_box), rng.uniform(0.05, 0.3, 3))


def _free(cell: CollisionModel, q: Array, q_goal: Array) -> bool:
    return cell.way_is_free(q, q_goal, cell.margins) and not cell.too_near(q_goal, cell.margins)
