"""What the cell takes from calibrations on file: the probe on the arm, the image on the probe, the camera on the base."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medrobot_ros.arms import expand_urdf, load_arm
from medrobot_ros.arms.registry import model_of
from medrobot_ros.arms.urdf import PROBE_LINK
from medrobot_ros.calibration.store import Section, read_sections
from medrobot_ros.config import CellConfig
from medrobot_ros.errors import ConfigError
from medrobot_ros.geometry.pose import inverse
from medrobot_ros.signals import Array, ImageGeometry

if TYPE_CHECKING:
    from medrobot_ros.arms.model import ArmModel

PROBE_SECTIONS, CAMERA_SECTIONS = ("tcp", "ft", "image"), ("hand-eye",)
SAME_SPACING = 0.02  # between a calibration's pixels and the source's, beyond which the depth setting must be another; chosen


def check_calibrations(config: CellConfig) -> None:
    """Every calibration file that the configuration names is whole and of its kind. Raises: ConfigError."""
    _sections("probe.calibration", config.probe.calibration, PROBE_SECTIONS)
    camera_pose(config)


def calibrated_arm(config: CellConfig) -> "ArmModel":
    """The arm with the probe as it was measured; what was not measured is as in the probe's own file."""
    return _arm(config.arm.name, config.probe.name, config.probe.calibration)


def calibrated_geometry(config: CellConfig, geometry: ImageGeometry) -> ImageGeometry:
    """A source's geometry with the image where it was measured. Raises: ConfigError where the pixels are of another size.

    A recorded sequence takes the pixel size too: files often do not say theirs.
    """
    section = _sections("probe.calibration", config.probe.calibration, PROBE_SECTIONS).get("image")
    if section is None:
        return geometry
    column_m, row_m = section.array("spacing_m").tolist()
    if config.imaging.source != "playback" and not np.allclose(geometry.spacing_m, (column_m, row_m), rtol=SAME_SPACING):
        column_mm, row_mm = (1e3 * s for s in geometry.spacing_m)
        found = f"{1e3 * column_m:.3f} x {1e3 * row_m:.3f} mm, the source's {column_mm:.3f} x {row_mm:.3f}"
        raise ConfigError(f"{config.probe.calibration}: its image's pixels are {found}: was it calibrated at another depth?")
    return replace(geometry, T_probe_image=section.array("T_probe_image"), spacing_m=(column_m, row_m))


def camera_pose(config: CellConfig) -> Array | None:
    """`T_base_camera` (4, 4) as it was measured, None where it was not. Raises: ConfigError."""
    path = config.camera.calibration
    section = _sections("camera.calibration", path, CAMERA_SECTIONS).get("hand-eye")
    if section is None:
        return None
    if section.values["mount"] != "base":
        raise ConfigError(f"{path}: the depth camera must be calibrated on the base (--mount base), not on the flange")
    return section.array("T_mount_camera")


def _sections(key: str, path: str, expected: tuple[str, ...]) -> Mapping[str, Section]:
    if not path:
        return {}
    sections = read_sections(Path(path))
    for kind in sections:
        if kind not in expected:
            raise ConfigError(f"{key} = {path}: holds '{kind}', which is not one of {', '.join(expected)}")
    return sections


@lru_cache(maxsize=16)
def _arm(name: str, probe: str, calibration: str) -> "ArmModel":
    sections = _sections("probe.calibration", calibration, PROBE_SECTIONS)
    nominal = load_arm(name, probe)
    if not sections:
        return nominal
    return model_of(name, probe, _measured(expand_urdf(name, probe), nominal, sections))


def _measured(urdf: str, nominal: "ArmModel", sections: Mapping[str, Section]) -> str:
    """The URDF with the measured tip, mass and centre of mass on link `probe`, so that all that reads it agrees."""
    T_ft_probe, mass_kg, p_ft_com = nominal.T_ft_probe.copy(), nominal.probe_mass_kg, nominal.p_ft_com
    if "tcp" in sections:
        T_flange_ft = nominal.T_flange_ft
        T_ft_probe[:3, 3] = T_flange_ft[:3, :3].T @ (sections["tcp"].array("p_flange_tip_m") - T_flange_ft[:3, 3])
    if "ft" in sections:
        mass_kg, p_ft_com = float(sections["ft"].values["mass_kg"]), sections["ft"].array("p_ft_com_m")
    T_probe_ft = inverse(T_ft_probe)
    robot = ET.fromstring(urdf)
    joint = next(j for j in robot.findall("joint") if (child := j.find("child")) is not None and child.get("link") == PROBE_LINK)
    _set(joint, "origin", "xyz", _row(T_ft_probe[:3, 3]))
    link = next(e for e in robot.findall("link") if e.get("name") == PROBE_LINK)
    _set(link, "inertial/origin", "xyz", _row(T_probe_ft[:3, :3] @ p_ft_com + T_probe_ft[:3, 3]))
    _set(link, "inertial/mass", "value", repr(mass_kg))
    return ET.tostring(robot, encoding="unicode")


def _set(element: ET.Element, path: str, attribute: str, value: str) -> None:
    found = element.find(path)
    if found is None:
        raise ConfigError(f"the URDF's '{element.get('name')}' has no {path}")
    found.set(attribute, value)


def _row(values: Array) -> str:
    return " ".join(repr(float(v)) for v in values)
