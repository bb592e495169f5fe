"""Collision distances and free motion: what a tick costs beside coal, and ways around obstacles in random scenes."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "test"))

SCENES, POSTURES, REPEATS = 200, 300, 5


def motion(arm: str) -> dict[str, Any]:
    """The figures of one arm."""
    return {"tick": collision_tick(arm), "routes": routes(arm)}


def collision_tick(arm_name: str) -> dict[str, float]:
    """Medians and 99th percentiles [us] of what collisions add to a tick, in random postures of the standard cell."""
    from scenes import MARGIN_M, PERIOD_S, standard_cell

    from medrobot_ros.arms import load_arm
    from medrobot_ros.arms.collision import CollisionModel

    model, rng = load_arm(arm_name, "curvilinear"), np.random.default_rng(0)
    cell, still = CollisionModel(model, standard_cell(arm_name), MARGIN_M, PERIOD_S), np.zeros(model.n)

    def query(q: Any, qd: Any) -> None:
        near = cell.near(q, cell.margins)
        cell.stop_is_free(near, q, qd, still, qd, cell.margins)

    postures = [q for q in rng.uniform(model.q_lower, model.q_upper, (POSTURES, model.n)) if cell.gap(q, cell.margins) > 0.0]
    took = [_us(lambda q=q: query(q, 0.1 * model.qd_max)) for q in postures]
    out = {"query_us": float(np.median(took)), "query_p99_us": float(np.quantile(took, 0.99)), "pairs": float(len(cell.margins))}
    try:
        from unit.test_arms_collision import judged
    except ImportError:  # coal is not installed
        return out
    coal_us = float(np.median([_us(lambda q=q: judged(cell.bodies, q)) for q in postures]))
    distances_us = float(np.median([_us(lambda q=q: cell.distances(q)) for q in postures]))
    return out | {"distances_us": distances_us, "coal_over_ours": coal_us / distances_us}


def routes(arm_name: str) -> dict[str, float]:
    """Share of solvable random scenes with a way found in under 1 s, and how long that took [s]."""
    from scenes import solvable_scenes

    from medrobot_ros.arms.route import RoutePlanner

    took, slices_ms, corners = [], [], []
    for scene in solvable_scenes(arm_name, SCENES):
        search, found, began = RoutePlanner(scene.model, scene.cell).search(scene.q, scene.q_goal), None, time.perf_counter()
        while found is None:
            slice_began = time.perf_counter()
            found = next(search)
            slices_ms.append(1e3 * (time.perf_counter() - slice_began))
        took.append(time.perf_counter() - began)
        corners.append(len(found))
    in_time = [t < 1.0 and n > 0 for t, n in zip(took, corners, strict=True)]
    return {
        "found_under_1_s": float(np.mean(in_time)),
        "median_s": float(np.median(took)),
        "p99_s": float(np.quantile(took, 0.99)),
        "slice_median_ms": float(np.median(slices_ms)),
        "slice_p99_ms": float(np.quantile(slices_ms, 0.99)),
        "corners": float(np.mean(corners)),
    }


def _us(call: Callable[[], Any]) -> float:
    """The least of a few: what the machine does meanwhile is not what is asked."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return 1e6 * min(times)


if __name__ == "__main__":
    print(json.dumps({arm: motion(arm) for arm in sys.argv[1:] or ["fr3"]}, indent=2))
