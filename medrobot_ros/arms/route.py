"""A way around obstacles, as corners between which the joints move in step: the straight one, else RRT-Connect's, shortened.

Searching is cut into slices, so that whoever controls an arm that stands can do one a tick. A slice is a number of ways
looked at, not a time: the same question has the same answer whatever the machine.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from medrobot_ros.arms.collision import CollisionModel
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.signals import Array

WAYS_PER_SLICE = 3  # looked at: some 1 ms
ASKED_PER_SLICE = 50
SLICES = 2000  # after which the search gives up
RANGE_RAD = 1.0  # of one branch of the tree
SHORTCUTS = 60  # tried at random


class RoutePlanner:
    """For one arm in its cell."""

    def __init__(self, model: ArmModel, cell: CollisionModel) -> None:
        self._model, self._cell = model, cell
        _ompl()  # loaded now, not when an arm waits

    def search(self, q: Array, q_goal: Array) -> Iterator[list[Array] | None]:
        """Yields None while it searches, then the corners after `q` with `q_goal` (n,) as the last; an empty list where there is none.

        Both must be within limits; an arm that is too near something at `q` comes no nearer to it."""
        margins = self._cell.eased(q, self._cell.margins)
        if self._cell.way_is_free(q, q_goal, margins):
            yield [q_goal]
            return
        corners: list[Array] = []
        if not self._cell.way_is_free(q_goal, q_goal, margins):
            yield corners  # OMPL would wait for another goal
            return
        for found in self._connected(q, q_goal, margins):
            corners = found or corners
            yield None
        for shorter in self._shortened([q, *corners], margins):
            corners = shorter[1:]
            yield None
        yield corners

    def _connected(self, q: Array, q_goal: Array, margins: Array) -> Iterator[list[Array] | None]:
        """RRT-Connect, slice by slice, until it has found the corners or given up."""
        base, geometric = _ompl()
        space = base.RealVectorStateSpace(self._model.n)
        space.setBounds(_bounds(base, *self._range(q, q_goal)))
        info = base.SpaceInformation(space)
        ways = _ways(base)(info, self._model.n, lambda a, b: self._cell.way_is_free(a, b, margins))
        states = _states(base)(info, self._model.n, lambda a: self._cell.way_is_free(a, a, margins))
        info.setMotionValidator(ways)
        info.setStateValidityChecker(states)
        info.setup()
        problem, planner = base.ProblemDefinition(info), geometric.RRTConnect(info)
        problem.setStartAndGoalStates(_state(space, q), _state(space, q_goal))
        planner.setProblemDefinition(problem)
        planner.setRange(RANGE_RAD)
        planner.setup()
        for _ in range(SLICES):
            planner.solve(base.PlannerTerminationCondition(_Slice(ways).is_over))
            if problem.hasExactSolution():
                path = problem.getSolutionPath()
                yield [_joints(path.getState(k), self._model.n) for k in range(1, path.getStateCount())]
                return
            yield None

    def _range(self, q: Array, q_goal: Array) -> tuple[Array, Array]:
        """Where to search; joints without stops need no further turn to get anywhere."""
        low = np.where(self._model.wraps, -np.pi, self._model.q_lower)
        high = np.where(self._model.wraps, np.pi, self._model.q_upper)
        return np.minimum(low, np.minimum(q, q_goal)), np.maximum(high, np.maximum(q, q_goal))

    def _shortened(self, route: list[Array], margins: Array) -> Iterator[list[Array]]:
        """Joins random places of the route, where that is free, and leaves out what lies between."""
        rng = np.random.default_rng(0)
        for _ in range(SHORTCUTS):
            if len(route) < 3:
                return
            i, j = np.sort(rng.choice(len(route) - 1, 2, replace=False))
            a, b = (route[k] + rng.uniform() * (route[k + 1] - route[k]) for k in (i, j))
            if self._cell.way_is_free(a, b, margins):
                route = self._without_spare([*route[: i + 1], a, b, *route[j + 1 :]], margins)
            yield route

    def _without_spare(self, route: list[Array], margins: Array) -> list[Array]:
        """Leaves out the corners whose neighbours have a free way between them."""
        out = route[:1]
        for corner, after in pairwise(route[1:]):
            if not self._cell.way_is_free(out[-1], after, margins):
                out.append(corner)
        return [*out, route[-1]]


class _Slice:
    """Over after so many ways, or after so many questions whether it is: OMPL also waits without looking at any."""

    def __init__(self, ways: Any) -> None:
        self._ways, self._end, self._asked = ways, ways.seen + WAYS_PER_SLICE, 0

    def is_over(self) -> bool:
        """OMPL asks in each of its rounds."""
        self._asked += 1
        return bool(self._ways.seen >= self._end or self._asked > ASKED_PER_SLICE)


@lru_cache(maxsize=1)
def _ompl() -> tuple[Any, Any]:
    from ompl import base, geometric, util

    util.setLogLevel(util.LogLevel.LOG_NONE)
    util.RNG.setSeed(1)  # its default is the clock
    return base, geometric


def _bounds(base: Any, low: Array, high: Array) -> Any:
    bounds = base.RealVectorBounds(low.size)
    for k in range(low.size):
        bounds.setLow(k, float(low[k]))
        bounds.setHigh(k, float(high[k]))
    return bounds


def _state(space: Any, q: Array) -> Any:
    state = space.allocState()
    for k, value in enumerate(q.tolist()):
        state[k] = value
    return state


def _joints(state: Any, n: int) -> Array:
    return np.array([state[k] for k in range(n)])


@lru_cache(maxsize=1)
def _ways(base: Any) -> Any:
    """OMPL's question whether a way is free, answered by ours and counted."""

    class Ways(base.MotionValidator):  # type: ignore[misc]
        def __init__(self, info: Any, n: int, is_free: Any) -> None:
            super().__init__(info)
            self._n, self._is_free, self.seen = n, is_free, 0

        def checkMotion(self, a: Any, b: Any) -> bool:
            self.seen += 1
            return bool(self._is_free(_joints(a, self._n), _joints(b, self._n)))

    return Ways


@lru_cache(maxsize=1)
def _states(base: Any) -> Any:
    """OMPL's question whether a posture is free."""

    class States(base.StateValidityChecker):  # type: ignore[misc]
        def __init__(self, info: Any, n: int, is_free: Any) -> None:
            super().__init__(info)
            self._n, self._is_free = n, is_free

        def isValid(self, state: Any) -> bool:
            return bool(self._is_free(_joints(state, self._n)))

    return States
