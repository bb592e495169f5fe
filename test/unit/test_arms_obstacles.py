"""The kinematics stage among obstacles: ways around, goals refused by name, stops, and twists that slide along."""

import numpy as np
import pytest
from test_arms_stage import PERIOD_S, Rig

from medrobot_ros.arms.capsules import Box, Capsule
from medrobot_ros.arms.obstacles import PATIENT, Obstacles
from medrobot_ros.geometry.pose import pose
from medrobot_ros.signals import Array, StopRequest

POST = Obstacles(capsules=(Capsule("post", -1, np.array([0.45, 0.25, 0.0]), np.array([0.45, 0.25, 0.7]), 0.04),))
SIDE = np.array([1.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
MARGIN_M = 0.01


def among(obstacles: Obstacles) -> Rig:
    rig = Rig(obstacles=obstacles)
    rig.step()
    return rig


def least_distance_m(rig: Rig) -> float:
    return min(rig.cell.distances(q).min() for q in rig.sent)


def test_it_moves_around_what_stands_in_the_way() -> None:
    rig = among(POST)
    goal = rig.model.q_home + SIDE
    assert not rig.cell.way_is_free(rig.model.q_home, goal, rig.cell.margins)
    rig.goal(q=goal)
    rig.step(8000)
    assert (rig.status.result, rig.status.reason) == ("reached", "")
    assert rig.q == pytest.approx(goal, abs=1e-9)
    assert least_distance_m(rig) >= MARGIN_M
    assert (np.abs(rig.accelerations()) <= rig.model.qdd_max * 1.001 + 1e-6).all()


@pytest.mark.parametrize("after", [40, 300, 900])
def test_a_stop_on_the_way_around_is_smooth_and_keeps_clear(after: int) -> None:
    rig = among(POST)
    rig.goal(q=rig.model.q_home + SIDE)
    rig.step(after)
    rig.stage.receive("safety/stop", StopRequest(True))
    rig.step(800)
    assert rig.status.result == "stopped"
    assert np.abs(rig.velocities()[-1]).max() == 0.0
    assert least_distance_m(rig) >= MARGIN_M
    assert (np.abs(rig.accelerations()) <= rig.model.qdd_max * 1.01 + 1e-3).all()


def test_a_new_goal_on_the_way_around_is_reached_clear_of_everything() -> None:
    rig = among(POST)
    rig.goal(q=rig.model.q_home + SIDE)
    rig.step(500)
    rig.goal("b", q=rig.model.q_home - 0.5 * SIDE)
    rig.step(8000)
    assert (rig.status.goal_id, rig.status.result) == ("b", "reached")
    assert least_distance_m(rig) >= MARGIN_M


def test_a_goal_in_collision_is_refused_with_what_collides_and_nothing_moves() -> None:
    rig = among(POST)
    rig.goal(T_base_probe=pose(np.diag([1.0, -1.0, -1.0]), np.array([0.45, 0.25, 0.35])))
    rig.step(20)
    assert rig.status.result == "refused"
    assert "fr3_link6 and post overlap by" in rig.status.reason
    assert np.ptp(rig.sent, axis=0).max() == 0.0


def test_a_goal_behind_a_closed_wall_is_refused_after_a_search_at_rest() -> None:
    """Walls to the left and to the right of the first link let the arm turn to neither side."""
    walls = [Box("wall", pose(np.eye(3), np.array([0.0, y, 0.4])), np.array([3.0, 0.02, 3.0])) for y in (-0.25, 0.25)]
    rig = among(Obstacles(boxes=tuple(walls)))
    goal = rig.model.q_home.copy()
    goal[[0, 1]] = [2.7, -1.5]
    behind = rig.cell.too_near(goal, rig.cell.margins)
    assert "wall" in behind
    rig.goal(q=goal)
    rig.step(20)
    assert rig.status.result == "refused" and np.ptp(rig.sent, axis=0).max() == 0.0


def test_a_twist_into_the_table_slides_along_it() -> None:
    table = Box("table", pose(np.eye(3), np.array([0.55, 0.0, 0.2])), np.array([0.6, 1.9, 0.1]))
    rig = among(Obstacles(boxes=(table,)))
    rig.mode("approach")
    rig.twist = np.array([0.05, 0.0, 0.05, 0.0, 0.0, 0.0])
    T = rig.model.T_base_probe(rig.q)
    rig.step(2500)
    moved = rig.model.T_base_probe(rig.q)[:3, 3] - T[:3, 3]
    assert least_distance_m(rig) >= MARGIN_M
    assert moved[2] > -0.12 and moved[0] > 0.15  # stopped above the table, and moved on along it


def patient() -> Obstacles:
    """A body whose skin is 5 cm below the probe."""
    return Obstacles(capsules=(Capsule(PATIENT, -1, np.array([0.5, -0.6, 0.2]), np.array([0.5, 0.6, 0.2]), 0.1),))


def test_in_contact_the_tip_may_touch_the_patient_and_then_leave_by_a_free_motion() -> None:
    rig = among(patient())
    rig.mode("approach")
    rig.twist = np.array([0.0, 0.0, 0.04, 0.0, 0.0, 0.0])
    rig.step(800)
    T = rig.model.T_base_probe(rig.q)
    assert T[2, 3] < 0.299 and "collision_ahead" not in rig.events
    rig.mode("off")
    rig.twist = None
    rig.step(300)
    rig.goal(T_base_probe=pose(T[:3, :3], np.array([T[0, 3], T[1, 3], 0.34])))
    rig.step(2000)
    assert rig.status.result == "reached"


def test_free_motion_keeps_the_tip_off_the_patient() -> None:
    rig = among(patient())
    T = rig.model.T_base_probe(rig.q)
    rig.goal(T_base_probe=pose(T[:3, :3], np.array([T[0, 3], T[1, 3], 0.3])))
    rig.step(10)
    assert rig.status.result == "refused" and f"probe and {PATIENT}" in rig.status.reason


def velocities_of_ends(rig: Rig) -> Array:
    from medrobot_ros.arms.bodies import place

    ends = np.array([np.vstack(place(rig.cell.bodies, q)[:2]) for q in rig.sent])
    return np.linalg.norm(np.diff(ends, axis=0), axis=2) / PERIOD_S


def test_a_twist_moves_no_point_of_the_arm_faster_than_allowed_near_the_patient() -> None:
    rig = Rig(zone_m=np.array([[-2.0, -2.0, -2.0], [2.0, 2.0, 2.0]]))
    rig.step()
    rig.mode("approach")
    rig.twist = np.array([0.0, 0.3, 0.0, 0.5, 0.0, 0.5])
    rig.step(400)
    fastest = velocities_of_ends(rig).max()
    assert 0.05 < fastest <= 0.1
    assert "slowed_arm" in rig.events
