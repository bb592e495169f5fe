"""Ways around random obstacles: found, free all along, and the same for the same question."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from scenes import Scene, solvable_scenes

from medrobot_ros.arms.route import SLICES, RoutePlanner
from medrobot_ros.signals import Array


def route(scene: Scene) -> list[Array]:
    """The corners; none where the planner gives up."""
    *waits, corners = RoutePlanner(scene.model, scene.cell).search(scene.q, scene.q_goal)
    assert all(w is None for w in waits) and corners is not None
    return corners


def share_found(scenes: Iterable[Scene]) -> float:
    """Of the scenes, those with a way, which is looked at closely."""
    found = []
    for scene in scenes:
        corners = route(scene)
        found.append(bool(corners))
        if not corners:
            continue
        assert corners[-1] == pytest.approx(scene.q_goal, abs=1e-12)
        for a, b in pairwise([scene.q, *corners]):
            for share in np.linspace(0.0, 1.0, 40):
                q = a + share * (b - a)
                assert scene.cell.gap(q, scene.cell.margins) >= 0.0
                assert not scene.model.outside(q)
    return float(np.mean(found))


def test_twenty_random_scenes() -> None:
    assert share_found(solvable_scenes("fr3", 20)) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["fr3", "gen3", "iiwa7"])
def test_two_hundred_random_scenes(arm: str) -> None:
    assert share_found(solvable_scenes(arm, 200)) >= 0.99


def test_a_straight_way_is_taken_at_once() -> None:
    scene = next(solvable_scenes("fr3", 1))
    near = scene.q + 1e-3
    only = next(RoutePlanner(scene.model, scene.cell).search(scene.q, near))
    assert only is not None and len(only) == 1 and (only[0] == near).all()


def test_a_search_waits_often_and_gives_up() -> None:
    """Where no way at all is free, the arm's owner is asked to wait, slice by slice, and then told."""
    scene = next(solvable_scenes("fr3", 1))
    scene.cell.way_is_free = lambda q, q_goal, margins: bool((q == q_goal).all())  # type: ignore[method-assign]
    *waits, corners = RoutePlanner(scene.model, scene.cell).search(scene.q, scene.q_goal)
    assert corners == [] and len(waits) == SLICES


def test_a_goal_that_is_too_near_has_no_way_and_is_not_waited_for() -> None:
    scene = next(solvable_scenes("fr3", 1))
    touching = next(q for q in np.linspace(scene.q, scene.q_goal, 200) if scene.cell.too_near(q, scene.cell.margins))
    assert list(RoutePlanner(scene.model, scene.cell).search(scene.q, touching)) == [[]]
