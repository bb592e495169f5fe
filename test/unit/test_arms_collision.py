"""Distances as coal finds them, gradients as differences, whole ways clear, and only the tip may touch."""

from dataclasses import replace

import coal
import numpy as np
import pytest

from medrobot_ros.arms import arm_names, load_arm
from medrobot_ros.arms.bodies import Bodies, distances, gather, place
from medrobot_ros.arms.capsules import Box, Capsule
from medrobot_ros.arms.collision import NEAR_M, CollisionModel
from medrobot_ros.arms.obstacles import PATIENT, Obstacles, read_obstacles
from medrobot_ros.arms.sweep import SLACK_M
from medrobot_ros.config import CellConfig
from medrobot_ros.description import robot_description
from medrobot_ros.signals import Array

PERIOD_S, MARGIN_M = 0.002, 0.01


def cell_of(arm: str) -> CollisionModel:
    model, config = load_arm(arm, "curvilinear"), CellConfig()
    urdf = robot_description(replace(config, arm=replace(config.arm, name=arm)))
    return CollisionModel(model, read_obstacles(urdf, model), MARGIN_M, PERIOD_S)


def postures(arm: str, count: int) -> Array:
    model = load_arm(arm, "curvilinear")
    return np.random.default_rng(7).uniform(model.q_lower, model.q_upper, (count, model.n))


def judged(bodies: Bodies, q: Array) -> Array:
    """Distances of all pairs by coal."""
    at_a, at_b = place(bodies, q)[:2]
    rods = [_coal_capsule(a, b, r) for a, b, r in zip(at_a, at_b, bodies.radius, strict=True)]
    boxes = [(coal.Box(*(2.0 * h)), coal.Transform3s(T[:3, :3], T[:3, 3])) for h, T in zip(bodies.half, bodies.T_box, strict=True)]
    parts = [*rods, *boxes]
    return np.array([_coal_distance(*parts[i], *parts[j]) for i, j in bodies.pairs])


def _coal_capsule(a: Array, b: Array, radius_m: float):
    """Coal's capsules lie along z."""
    length = float(np.linalg.norm(b - a))
    z = (b - a) / length if length > 0.0 else np.array([0.0, 0.0, 1.0])
    x = np.cross(np.eye(3)[int(np.argmin(np.abs(z)))], z)
    x /= np.linalg.norm(x)
    return coal.Capsule(radius_m, length), coal.Transform3s(np.column_stack((x, np.cross(z, x), z)), 0.5 * (a + b))


def _coal_distance(one, T_one, other, T_other) -> float:
    request, result = coal.DistanceRequest(), coal.DistanceResult()
    request.gjk_tolerance = request.epa_tolerance = 1e-12
    request.gjk_max_iterations = request.epa_max_iterations = 2000
    return coal.distance(one, T_one, other, T_other, request, result)


@pytest.mark.parametrize("arm", ["fr3", "gen3", "iiwa7"])
def test_distances_are_those_of_coal(arm: str) -> None:
    cell = cell_of(arm)
    for q in postures(arm, 30):
        ours, theirs = cell.distances(q), judged(cell.bodies, q)
        apart = theirs > 0.0
        assert ours[apart] == pytest.approx(theirs[apart], abs=1e-9)
        assert (ours[~apart] <= 1e-9).all()


def test_lines_side_by_side_end_on_and_of_no_length_are_as_far_apart_as_coal_says() -> None:
    ends = [np.array(p, dtype=float) for p in [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1), (0, 0, 2), (1, 1, 0.5)]]
    model = load_arm("fr3", "linear")
    for a, b, c, d in np.random.default_rng(0).integers(0, len(ends), (300, 4)):
        if {a, b} & {c, d}:
            continue
        stand = Obstacles((Capsule("one", -1, ends[a], ends[b], 0.1), Capsule("other", -1, ends[c], ends[d], 0.1)))
        bodies = gather(model, stand, np.array([[len(model.capsules), len(model.capsules) + 1]]))
        theirs = judged(bodies, model.q_home)
        if theirs[0] > 1e-6:
            assert distances(bodies, model.q_home) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("arm", arm_names())
def test_rows_hold_the_gradient_of_the_distance(arm: str) -> None:
    cell, model, step, compared = cell_of(arm), load_arm(arm, "curvilinear"), 1e-6, 0
    for q in postures(arm, 40):
        near = cell.near(q, cell.margins)
        pairs = np.nonzero(near.gaps < NEAR_M)[0]
        if len(pairs) != len(near.rows.G) or near.gaps.min() < -0.5 * MARGIN_M:
            continue  # a pair that no joint bears on has no row
        wiggled = [cell.distances(q + step * e) - cell.distances(q - step * e) for e in np.eye(model.n)]
        gradient = np.array(wiggled).T[pairs] / (2.0 * step)
        assert np.quantile(np.abs(near.rows.G - gradient), 0.98) < 1e-5  # a few lie on a crease between two closest points
        compared += len(pairs)
    assert compared > 20


def test_home_is_clear_of_everything_on_every_arm() -> None:
    for arm in arm_names():
        cell = cell_of(arm)
        assert cell.too_near(load_arm(arm, "curvilinear").q_home, cell.margins) == ""


def test_a_way_that_is_free_is_free_all_along() -> None:
    cell, free = cell_of("fr3"), 0
    clear = [q for q in postures("fr3", 300) if not cell.too_near(q, cell.margins)]
    for k in range(0, len(clear) - 1, 2):
        shares = np.linspace(0.0, 1.0, 60)[:, None]
        gap = min(cell.gap(q, cell.margins) for q in clear[k] + shares * (clear[k + 1] - clear[k]))
        if cell.way_is_free(clear[k], clear[k + 1], cell.margins):
            assert gap >= 0.0
            free += 1
        else:
            assert gap < 0.05
    assert 5 < free < len(clear) // 2 - 2


def test_only_the_tip_may_touch_and_only_the_patient() -> None:
    cell, model = cell_of("fr3"), load_arm("fr3", "curvilinear")
    may = np.nonzero(np.isneginf(cell.margins_in_contact))[0]
    assert {cell.names(k) for k in may} == {f"probe and {PATIENT}"}
    capsules = {int(cell.bodies.pairs[k, 0]) for k in may}
    assert len(capsules) == 1
    tip = model.capsules[capsules.pop()]
    assert np.linalg.norm(0.5 * (tip.a + tip.b) - model.T_last_probe[:3, 3]) < 0.04
    near = {cell.names(k) for k in np.nonzero(cell.margins_in_contact == 0.0)[0]}
    assert near == {f"probe and {PATIENT}"} and set(cell.margins_in_contact) == {-np.inf, 0.0, MARGIN_M}
    assert (cell.margins == MARGIN_M).all()


def test_an_arm_that_is_too_near_may_leave_but_comes_no_nearer() -> None:
    model = load_arm("fr3", "curvilinear")
    tip = model.T_base_probe(model.q_home)[:3, 3]
    box = Box("shelf", np.eye(4) + np.pad(tip[:, None] - [[0.0], [0.0], [0.052]], ((0, 1), (3, 0))), np.array([0.3, 0.3, 0.1]))
    cell = CollisionModel(model, Obstacles(boxes=(box,)), MARGIN_M, PERIOD_S)
    assert "probe and shelf" in cell.too_near(model.q_home, cell.margins)
    eased = cell.eased(model.q_home, cell.margins)
    down = np.linalg.pinv(model.jacobian_probe(model.q_home))[:, 2]
    assert cell.way_is_free(model.q_home, model.q_home - 0.05 * down, eased)
    assert not cell.way_is_free(model.q_home, model.q_home + 0.05 * down, eased)
    near = cell.near(model.q_home, cell.margins).rows
    assert (near.g > 0.0).any()  # asks to be parted
    assert SLACK_M < MARGIN_M
