"""Before anything moves: every input, the region, the camera's place."""

from medrobot_ros.errors import DataError
from medrobot_ros.geometry.reference import reference_spheres
from medrobot_ros.planning.camera_check import MAX_ERROR_M, camera_error
from medrobot_ros.planning.steps.step import DONE, Step

# How old an input may be before the arm first moves [s]: three of its periods, and a second for whoever starts late.
MAX_AGE_S = {
    "probe/pose": 1.0, "contact/state": 1.0, "motion/state": 1.0, "image/quality": 1.0, "surface": 4.0, "safety/state": 4.0,
    "hardware/state": 4.0,
}  # fmt: skip


class Check(Step):
    """Every input is there, the region is confirmed."""

    phase, timeout_s = "check", 10.0

    def advance(self) -> str:
        config = self.board.config
        if not (config.scan.confirmed or config.hardware.name == "mock"):
            return "the operator has not confirmed the region (scan.confirmed)"
        return "" if self._missing() else DONE

    def _missing(self) -> list[str]:
        late = [t for t, limit_s in MAX_AGE_S.items() if self.board.age_s(t) > limit_s]
        return late + ["image/geometry"] * (self.board.geometry is None)

    def lacks(self) -> str:
        return f": no {', '.join(self._missing())}"


class SeeSpheres(Step):
    """The depth camera sees the reference spheres where they are, so its place in base is the believed one."""

    phase, timeout_s = "check", 5.0

    def advance(self) -> str:
        config, clouds = self.board.config, self.board.clouds
        if not clouds:
            return ""
        try:
            spheres = reference_spheres(config.body, config.camera)
            error_m = camera_error(clouds[-1].points, spheres, config.camera.sphere_radius_m)
        except DataError as e:
            return str(e)
        if error_m > MAX_ERROR_M:
            off_mm, limit_mm = 1e3 * error_m, 1e3 * MAX_ERROR_M
            return f"a reference sphere is seen {off_mm:.1f} mm from where it is, more than {limit_mm:g} mm: calibrate camera to base"
        return DONE
