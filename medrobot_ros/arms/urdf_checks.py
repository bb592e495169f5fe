"""What a URDF must hold before a chain is read from it; each fault names its element."""

import xml.etree.ElementTree as ET
from collections import Counter

import numpy as np

from medrobot_ros.errors import ConfigError
from medrobot_ros.signals import Array


def check_tree(robot: ET.Element) -> None:
    """`ConfigError` where joints and links are not a tree."""
    links = Counter(link.get("name", "") for link in robot.findall("link"))
    for name, count in links.items():
        if count > 1:
            raise ConfigError(f"link '{name}' is there {count} times")
    above: dict[str, str] = {}
    for joint in robot.findall("joint"):
        parent, child = (link_of(joint, end) for end in ("parent", "child"))
        for end, link in (("parent", parent), ("child", child)):
            if link not in links:
                raise ConfigError(f"joint '{joint.get('name')}': its {end} link '{link}' is missing")
        if child in above:
            raise ConfigError(f"link '{child}' closes a loop: joint '{joint.get('name')}' is not the only one above it")
        above[child] = parent
    for link in above:
        _check_reaches_a_root(link, above)


def _check_reaches_a_root(link: str, above: dict[str, str]) -> None:
    seen = {link}
    while link in above:
        link = above[link]
        if link in seen:
            raise ConfigError(f"link '{link}' is part of a loop")
        seen.add(link)


def link_of(joint: ET.Element, end: str) -> str:
    """The name of the link at the `parent` or `child` end of a joint."""
    element = joint.find(end)
    if element is None:
        raise ConfigError(f"joint '{joint.get('name')}' has no {end} link")
    return element.get("link", "")


def number(element: ET.Element, key: str, owner: str) -> float:
    """A finite attribute of an element that belongs to `owner`."""
    text = element.get(key, "")
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ConfigError(f"{owner}: <{element.tag}> needs {key} as a number, not '{text}'")
    return value


def check_inertia(mass_kg: float, inertia: Array, owner: str) -> None:
    """`ConfigError` where no body has this mass and inertia (3, 3)."""
    if mass_kg <= 0.0:
        raise ConfigError(f"{owner}: its mass must be positive, not {mass_kg:g} kg")
    if np.linalg.eigvalsh(inertia)[0] <= 0.0:
        raise ConfigError(f"{owner}: its inertia is zero or not positive definite")
