"""What an arm may collide with, as capsules: read from the collision elements of its URDF.

A capsule is a segment with a radius: two points to place and one square root to compare, and a rod with round ends covers a
link closely. A cylinder whose ends carry spheres of its radius is one; what is not one is covered by one.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from medrobot_ros.arms.urdf import Chain, origin
from medrobot_ros.errors import ConfigError
from medrobot_ros.signals import Array

SAME_M = 1e-9  # how near a sphere's centre is to a rod's end that it rounds


@dataclass(frozen=True, eq=False)
class Capsule:
    """Carried by `segment` of the chain, -1 for the base; `a` and `b` (3,) [m] are the segment's ends there."""

    link: str
    segment: int
    a: Array
    b: Array
    radius_m: float

    def ends_in(self, p: Array, radius_m: float) -> bool:
        """Whether a sphere about `p` (3,) is one of the capsule's own ends."""
        near = min(float(np.abs(p - end).max()) for end in (self.a, self.b))
        return near < SAME_M and radius_m <= self.radius_m + SAME_M


@dataclass(frozen=True, eq=False)
class Box:
    """A box of edges `size_m` (3,) whose middle stands at `T_base_box` (4, 4)."""

    link: str
    T_base_box: Array
    size_m: Array


def read_capsules(urdf: str, chain: Chain) -> tuple[Capsule, ...]:
    """Every collision element of the chain's links, base first. `ConfigError` names a shape that is none of ours."""
    links = {link.get("name", ""): link for link in ET.fromstring(urdf).findall("link")}
    found: list[Capsule] = []
    for name, (segment, T) in chain.place.items():
        found += rods(links[name], segment, T)
        found += (_around(box, segment) for box in boxes(links[name], T))
    return tuple(found)


def rods(link: ET.Element, segment: int, T_segment_link: Array) -> list[Capsule]:
    """A link's cylinders, and its spheres that do not round one of them."""
    name = link.get("name", "")
    shapes = [(T_segment_link @ T, shape) for T, shape in _shapes(link)]
    found = [Capsule(name, segment, *_ends(T, shape), _radius_m(shape)) for T, shape in shapes if shape.tag == "cylinder"]
    cylinders = tuple(found)
    for p, radius_m in ((T[:3, 3], _radius_m(shape)) for T, shape in shapes if shape.tag == "sphere"):
        if not any(rod.ends_in(p, radius_m) for rod in cylinders):
            found.append(Capsule(name, segment, p, p, radius_m))
    return found


def boxes(link: ET.Element, T_base_link: Array) -> list[Box]:
    """A link's boxes."""
    shapes = ((T, shape) for T, shape in _shapes(link) if shape.tag == "box")
    return [Box(link.get("name", ""), T_base_link @ T, np.array([float(v) for v in shape.get("size", "").split()])) for T, shape in shapes]


def _shapes(link: ET.Element) -> Iterator[tuple[Array, ET.Element]]:
    for collision in link.findall("collision"):
        shape = next(iter(collision.findall("geometry/*")), None)
        if shape is None or shape.tag not in ("cylinder", "sphere", "box"):
            kind = "nothing" if shape is None else f"a {shape.tag}"
            raise ConfigError(f"link '{link.get('name')}' collides as {kind}; it must be a cylinder, a sphere or a box")
        yield origin(collision.find("origin")), shape


def _ends(T: Array, cylinder: ET.Element) -> tuple[Array, Array]:
    half = 0.5 * float(cylinder.get("length", "nan")) * T[:3, 2]
    return T[:3, 3] - half, T[:3, 3] + half


def _radius_m(shape: ET.Element) -> float:
    return float(shape.get("radius", "nan"))


def _around(box: Box, segment: int) -> Capsule:
    """Along the box's longest edge, as wide as the diagonal across it."""
    longest = int(np.argmax(box.size_m))
    across = np.delete(box.size_m, longest)
    half = 0.5 * box.size_m[longest] * box.T_base_box[:3, longest]
    middle = box.T_base_box[:3, 3]
    return Capsule(box.link, segment, middle - half, middle + half, 0.5 * float(np.hypot(*across)))
