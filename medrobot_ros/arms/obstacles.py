"""What stands in the cell, as the cell's URDF has it: the table, the patient's envelope, whatever a site adds there."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np

from medrobot_ros.arms.capsules import Box, Capsule, boxes, rods
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.arms.urdf import origin
from medrobot_ros.signals import Array

PATIENT = "patient"


@dataclass(frozen=True)
class Obstacles:
    """Capsules and boxes that do not move, in base. What is named `PATIENT` the probe's tip may touch in contact."""

    capsules: tuple[Capsule, ...] = ()
    boxes: tuple[Box, ...] = ()


def read_obstacles(urdf_of_cell: str, model: ArmModel) -> Obstacles:
    """The collision elements of every link that stands fixed and is none of the arm's."""
    robot, own = ET.fromstring(urdf_of_cell), {c.link for c in model.capsules}
    standing = [(link, _pose(robot, link)) for link in robot.findall("link") if link.get("name") not in own]
    placed = [(link, T) for link, T in standing if T is not None]
    return Obstacles(
        tuple(c for link, T in placed for c in rods(link, -1, T)), tuple(b for link, T in placed for b in boxes(link, T))
    )


def _pose(robot: ET.Element, link: ET.Element) -> Array | None:
    """Where a link stands by the fixed joints above it; None where one of them moves."""
    T, name = np.eye(4), link.get("name")
    above = {child.get("link"): joint for joint in robot.findall("joint") for child in joint.findall("child")}
    while name in above:
        joint = above[name]
        if joint.get("type") != "fixed":
            return None
        T = origin(joint.find("origin")) @ T
        name = next(parent.get("link") for parent in joint.findall("parent"))
    return T
