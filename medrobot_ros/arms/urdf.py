"""The serial chain of an expanded URDF, as plain numbers."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from math import cos, inf, sin

import numpy as np

from medrobot_ros.arms.urdf_checks import check_inertia, check_tree, link_of, number
from medrobot_ros.errors import ConfigError
from medrobot_ros.geometry.pose import pose
from medrobot_ros.signals import Array

PROBE_LINK, FT_LINK = "probe", "ft_sensor"


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
    inertia: Array  # (3, 3) [kg m^2], about that point


@dataclass(frozen=True)
class Body:
    """A mass in a frame: `p_com` (3,) [m], `inertia` (3, 3) [kg m^2] about that point, both in the frame's axes."""

    mass_kg: float
    p_com: Array
    inertia: Array


@dataclass(frozen=True)
class Chain:
    """From the root link to `tip`; `T_last` (4, 4) are the poses of the last segment's links in that segment."""

    root: str
    segments: tuple[Segment, ...]
    T_last: dict[str, Array]
    parent: dict[str, str]  # of each link
    bodies: dict[str, Body]  # of each link that has a mass, in the link's frame
    place: dict[str, tuple[int, Array]]  # of each link down to the tip: its segment, -1 for the root's, and its pose (4, 4) there


def read_chain(urdf: str, tip: str, source: str = "the URDF") -> Chain:
    """The chain from the root to link `tip` of a URDF; `ConfigError` names `source` and the element at fault."""
    try:
        return _chain(ET.fromstring(urdf), tip)
    except ET.ParseError as e:
        raise ConfigError(f"{source}: not XML: {e}") from None
    except ConfigError as e:
        raise ConfigError(f"{source}: {e}") from None


def _chain(robot: ET.Element, tip: str) -> Chain:
    check_tree(robot)
    path = _path(robot, tip)
    bodies = {link.get("name", ""): _body(link) for link in robot.findall("link") if link.find("inertial") is not None}
    parent = {link_of(j, "child"): link_of(j, "parent") for j in robot.findall("joint")}
    root = link_of(path[0], "parent")
    segments: list[Segment] = []
    T, carried = np.eye(4), {root: np.eye(4)}
    place = {root: (-1, np.eye(4))}
    for joint in path:
        T = T @ origin(joint.find("origin"))
        if joint.get("type") != "fixed":
            segments = _closed(segments, carried, bodies)
            segments.append(_segment(joint, T))
            T, carried = np.eye(4), {}
        carried[link_of(joint, "child")] = T
        place[link_of(joint, "child")] = (len(segments) - 1, T)
    if not segments:
        raise ConfigError(f"no joint moves between '{root}' and '{tip}'")
    return Chain(root, tuple(_closed(segments, carried, bodies)), carried, parent, bodies, place)


def _path(robot: ET.Element, tip: str) -> list[ET.Element]:
    above = {link_of(j, "child"): j for j in robot.findall("joint")}
    path: list[ET.Element] = []
    while tip in above:
        path.insert(0, above[tip])
        tip = link_of(path[0], "parent")
    if not path:
        raise ConfigError(f"there is no joint above link '{tip}'")
    return path


def _body(link: ET.Element) -> Body:
    owner, mass, tensor = f"link '{link.get('name')}'", link.find("inertial/mass"), link.find("inertial/inertia")
    if mass is None or tensor is None:
        raise ConfigError(f"{owner}: its <inertial> needs a <mass> and an <inertia>")
    mass_kg = number(mass, "value", owner)
    xx, xy, xz, yy, yz, zz = (number(tensor, k, owner) for k in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz"))
    inertia = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    check_inertia(mass_kg, inertia, owner)
    T = origin(link.find("inertial/origin"))
    return Body(mass_kg, T[:3, 3], T[:3, :3] @ inertia @ T[:3, :3].T)


def origin(element: ET.Element | None) -> Array:
    """The pose (4, 4) in an `<origin>`, the identity where there is none."""
    if element is None:
        return np.eye(4)
    r, p, y = (float(v) for v in element.get("rpy", "0 0 0").split())
    Rx = np.array([[1, 0, 0], [0, cos(r), -sin(r)], [0, sin(r), cos(r)]])
    Ry = np.array([[cos(p), 0, sin(p)], [0, 1, 0], [-sin(p), 0, cos(p)]])
    Rz = np.array([[cos(y), -sin(y), 0], [sin(y), cos(y), 0], [0, 0, 1]])
    return pose(Rz @ Ry @ Rx, np.array([float(v) for v in element.get("xyz", "0 0 0").split()]))


def _segment(joint: ET.Element, T: Array) -> Segment:
    name, kind, limit, axis = joint.get("name", ""), joint.get("type"), joint.find("limit"), joint.find("axis")
    owner = f"joint '{name}'"
    if kind not in ("revolute", "continuous") or limit is None or axis is None:
        raise ConfigError(f"{owner} must be revolute or continuous, with a <limit> and an <axis>; it is {kind}")
    velocity, effort = number(limit, "velocity", owner), number(limit, "effort", owner)
    lower, upper = (number(limit, k, owner) for k in ("lower", "upper")) if kind == "revolute" else (-inf, inf)
    if lower >= upper or velocity <= 0.0 or effort <= 0.0:
        raise ConfigError(f"{owner}: its <limit> must have lower < upper, and a positive velocity and effort")
    direction = np.array([float(v) for v in axis.get("xyz", "").split()])
    if direction.shape != (3,) or not np.linalg.norm(direction) > 0.0:
        raise ConfigError(f"{owner}: its <axis> needs three numbers that are not all zero")
    unit = direction / np.linalg.norm(direction)
    return Segment(name, T, unit, kind == "continuous", lower, upper, velocity, effort, 0.0, np.zeros(3), np.zeros((3, 3)))


def _closed(segments: list[Segment], carried: dict[str, Array], bodies: dict[str, Body]) -> list[Segment]:
    """The segments, the last one with the bodies that it carries; what the root carries does not move."""
    if not segments:
        return segments
    parts = [(bodies[k], T[:3, :3], T[:3, :3] @ bodies[k].p_com + T[:3, 3]) for k, T in carried.items() if k in bodies]
    if not parts:
        raise ConfigError(f"joint '{segments[-1].name}' carries no mass: link {', '.join(carried)} has no <inertial>")
    total = sum(body.mass_kg for body, _, _ in parts)
    com = sum((body.mass_kg * p for body, _, p in parts), np.zeros(3)) / total
    inertia = sum((R @ b.inertia @ R.T + b.mass_kg * _of_a_point(p - com) for b, R, p in parts), np.zeros((3, 3)))
    return [*segments[:-1], replace(segments[-1], mass_kg=total, p_com=com, inertia=inertia)]


def _of_a_point(r: Array) -> Array:
    """Inertia (3, 3) of a unit mass at `r` (3,)."""
    return float(r @ r) * np.eye(3) - np.outer(r, r)
