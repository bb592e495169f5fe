"""The serial chain of an expanded URDF, as plain numbers."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from math import cos, inf, sin

import numpy as np

from medrobot_ros.errors import ConfigError
from medrobot_ros.geometry.pose import pose
from medrobot_ros.signals import Array


@dataclass(frozen=True)
class Segment:
    """A moving joint and all that it carries rigidly. `T_before_joint` leads here from the segment before at q = 0."""

    name: str
    T_before_joint: Array  # (4, 4)
    axis: Array  # (3,), a unit vector
    continuous: bool
    lower_rad: float
    upper_rad: float
    velocity_rad_per_s: float
    effort_nm: float
    mass_kg: float
    p_com: Array  # (3,) [m], of all that the segment carries


@dataclass(frozen=True)
class Chain:
    """From the root link to `tip`; `T_last` (4, 4) are the poses of the last segment's links in that segment."""

    root: str
    segments: tuple[Segment, ...]
    T_last: dict[str, Array]
    parent: dict[str, str]  # of each link
    mass_kg: dict[str, float]  # of each link
    p_com: dict[str, Array]  # of each link, in its own frame


def read_chain(urdf: str, tip: str) -> Chain:
    """The chain from the root to link `tip` of a URDF; `ConfigError` where there is none."""
    robot = ET.fromstring(urdf)
    path = _path(robot, tip)
    mass, com = _inertials(robot)
    parent = {_link(j, "child"): _link(j, "parent") for j in robot.findall("joint")}
    root = _link(path[0], "parent")
    segments: list[Segment] = []
    T, carried = np.eye(4), {root: np.eye(4)}
    for joint in path:
        T = T @ _origin(joint.find("origin"))
        if joint.get("type") != "fixed":
            segments = _closed(segments, carried, mass, com)
            segments.append(_segment(joint, T))
            T, carried = np.eye(4), {}
        carried[_link(joint, "child")] = T
    return Chain(root, tuple(_closed(segments, carried, mass, com)), carried, parent, mass, com)


def _path(robot: ET.Element, tip: str) -> list[ET.Element]:
    above = {_link(j, "child"): j for j in robot.findall("joint")}
    path: list[ET.Element] = []
    while tip in above:
        path.insert(0, above[tip])
        tip = _link(path[0], "parent")
    if not path:
        raise ConfigError(f"the URDF has no joint above link '{tip}'")
    return path


def _link(joint: ET.Element, end: str) -> str:
    element = joint.find(end)
    if element is None:
        raise ConfigError(f"joint '{joint.get('name')}' has no {end} link")
    return element.get("link", "")


def _inertials(robot: ET.Element) -> tuple[dict[str, float], dict[str, Array]]:
    mass, com = {}, {}
    for link in robot.findall("link"):
        name, weight = link.get("name", ""), link.find("inertial/mass")
        mass[name] = 0.0 if weight is None else float(weight.get("value", "0"))
        com[name] = _origin(link.find("inertial/origin"))[:3, 3]
    return mass, com


def _origin(element: ET.Element | None) -> Array:
    if element is None:
        return np.eye(4)
    r, p, y = (float(v) for v in element.get("rpy", "0 0 0").split())
    Rx = np.array([[1, 0, 0], [0, cos(r), -sin(r)], [0, sin(r), cos(r)]])
    Ry = np.array([[cos(p), 0, sin(p)], [0, 1, 0], [-sin(p), 0, cos(p)]])
    Rz = np.array([[cos(y), -sin(y), 0], [sin(y), cos(y), 0], [0, 0, 1]])
    return pose(Rz @ Ry @ Rx, np.array([float(v) for v in element.get("xyz", "0 0 0").split()]))


def _segment(joint: ET.Element, T: Array) -> Segment:
    name, kind, limit, axis = joint.get("name", ""), joint.get("type"), joint.find("limit"), joint.find("axis")
    if kind not in ("revolute", "continuous") or limit is None or axis is None:
        raise ConfigError(f"joint '{name}' must be revolute or continuous, with a limit and an axis")
    lower, upper, velocity, effort = (float(limit.get(k, "nan")) for k in ("lower", "upper", "velocity", "effort"))
    if kind == "continuous":
        lower, upper = -inf, inf
    direction = np.array([float(v) for v in axis.get("xyz", "").split()])
    return Segment(name, T, direction, kind == "continuous", lower, upper, velocity, effort, 0.0, np.zeros(3))


def _closed(
    segments: list[Segment], carried: dict[str, Array], mass: dict[str, float], com: dict[str, Array]
) -> list[Segment]:
    """The segments, the last one with the mass that it carries; what the root carries does not move."""
    if not segments:
        return segments
    total = sum(mass[k] for k in carried)
    moment = sum((mass[k] * (T[:3, :3] @ com[k] + T[:3, 3]) for k, T in carried.items()), np.zeros(3))
    loaded = replace(segments[-1], mass_kg=total, p_com=moment / total if total else moment)
    return [*segments[:-1], loaded]
