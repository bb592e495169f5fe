"""Where the patient is, and the raster that is laid on the skin."""

from medrobot_ros.errors import DataError
from medrobot_ros.planning.board import CLOUD_MEMORY
from medrobot_ros.planning.path import CoverageMap, plan_raster, planned_points, runs_of, timed
from medrobot_ros.planning.steps.step import DONE, Step
from medrobot_ros.planning.surface import FoundPatient, Torso, find_again, find_patient, torso_in


class Find(Step):
    """Finds the patient in the clouds of more than a breath, taken one a tick."""

    phase, timeout_s = "find", 20.0

    def begin(self) -> None:
        board = self.board
        self._torsos: list[Torso] = []
        self._next_ns = board.began_ns if board.found is None else board.now_ns

    def advance(self) -> str:
        board = self.board
        cloud = next((c for c in board.clouds if c.stamp_ns >= self._next_ns), None)
        try:
            if cloud is not None:
                self._next_ns = cloud.stamp_ns + 1
                self._torsos.append(torso_in(cloud))
            if len(self._torsos) < CLOUD_MEMORY:
                return ""
            before = board.found
            board.found = self._found() if before is None else find_again(before, self._torsos)
        except DataError as e:
            return str(e)
        if before is not None and board.coverage is not None and board.found.moved_m(before) > board.config.scan.shift_pause_m:
            board.coverage.forget(board.still_ns)
        board.still_ns = board.now_ns
        return DONE

    def _found(self) -> FoundPatient:
        return find_patient(self._torsos, self.board.config.body.yaw_rad)

    def lacks(self) -> str:
        return f": {len(self._torsos)} of {CLOUD_MEMORY} point clouds came"


class Plan(Step):
    """Lays the raster; keeps what was covered when the patient was found again."""

    phase = "plan"

    def advance(self) -> str:
        board = self.board
        assert board.found is not None and board.geometry is not None
        try:
            board.raster = plan_raster(board.found, board.config.scan, board.geometry.aperture_m)
        except DataError as e:
            return str(e)
        points = planned_points(board.found, board.config.scan)
        if board.coverage is None:
            board.coverage = CoverageMap(points)
            board.passes = runs_of(list(range(len(board.raster.lines))))
        else:
            board.coverage.points = points
            board.passes = board.coverage.runs_to_repeat(board.raster)
        board.say("scan/path", timed(board.raster.T_base_probe, board.config.scan.speed_m_per_s, board.now_ns))
        return DONE
