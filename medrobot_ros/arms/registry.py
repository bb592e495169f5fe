"""The arms and probes that there are: this package's files, and entry points of group `medrobot_ros.arms`.

An entry point's object is the path of an arm's YAML file (see `description`).
"""

import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError

import numpy as np

from medrobot_ros.arms.description import ArmDescription, read_description
from medrobot_ros.arms.urdf import FT_LINK, PROBE_LINK, read_chain
from medrobot_ros.config import ArmSection, own_file
from medrobot_ros.errors import ConfigError, UnknownName
from medrobot_ros.plugins import Plugins
from medrobot_ros.resources import share

if TYPE_CHECKING:
    from medrobot_ros.arms.model import ArmModel

GROUP = "medrobot_ros.arms"


def arm_names() -> tuple[str, ...]:
    """Every arm that `load_arm` knows, sorted."""
    return _arms().names()


def probe_names() -> tuple[str, ...]:
    """Every probe that can be mounted, sorted."""
    return tuple(sorted(p.stem for p in share("config/probes").glob("*.yaml")))


@lru_cache(maxsize=16)
def load_arm(name: str, probe: str) -> "ArmModel":
    """The model of an arm that carries a probe; `name` is a registered one's or a YAML file. `UnknownName` lists the valid ones."""
    return model_of(name, probe, expand_urdf(name, probe))


def model_of(name: str, probe: str, urdf: str) -> "ArmModel":
    """The model of an arm whose expanded URDF has been altered."""
    from medrobot_ros.arms.model import build_model

    label, description = ArmSection(name).label, arm_description(name)
    if not description.arguments:
        return build_model(label, description, probe, urdf)
    from medrobot_ros.arms.own_arm import check_home, completed

    segments = read_chain(urdf, PROBE_LINK, description.kinematics_file).segments
    given = description.home_rad if description.home_rad.size else None
    at_zero = replace(completed(description, segments), home_rad=np.zeros(len(segments)) if given is None else given)
    model = build_model(label, at_zero, probe, urdf)
    check_home(model, given)
    return model


def arm_description(name: str) -> ArmDescription:
    """What an arm's file says. `UnknownName` lists the valid ones."""
    return read_description(_file(name))


def expand_urdf(name: str, probe: str, hardware: str = "mock", prefix: str = "") -> str:
    """The URDF of an arm with a probe; `hardware` is 'mock' or 'real' and chooses the ros2_control plugin."""
    description = arm_description(name)
    return _expand(description.xacro, _arguments(name, description, probe, hardware, prefix))


def expand_cell(
    name: str,
    probe: str,
    hardware: str,
    patient_xyz_m: tuple[float, float, float],
    patient_yaw_rad: float,
    table_z_m: float,
    prefix: str = "",
) -> str:
    """The URDF of the whole cell: `expand_urdf`'s arm on link `world`, with links `table` and `patient`."""
    xyz = " ".join(str(v) for v in patient_xyz_m)
    place = {"patient_xyz": xyz, "patient_yaw": str(patient_yaw_rad), "table_z": str(table_z_m)}
    description = arm_description(name)
    arm = {"arm_file": str(description.xacro), **_arguments(name, description, probe, hardware, prefix)}
    return _expand(share("urdf/cell.urdf.xacro"), {**arm, **place})


def _arms() -> Plugins:
    """The arms' files."""
    return Plugins("arm", GROUP, {p.stem: p for p in share("config/arms").glob("*.yaml")})


def _file(name: str) -> Path:
    return own_file(name) or Path(_arms().load(name))


def _arguments(name: str, description: ArmDescription, probe: str, hardware: str, prefix: str) -> dict[str, str]:
    """What an arm's xacro is told."""
    common = {"probe": _probe(probe), "hardware": _hardware(hardware), "prefix": prefix}
    own = dict(description.arguments)
    if not own:
        return common
    if prefix:
        raise ConfigError(f"arm '{name}': a URDF of one's own takes no prefix, not '{prefix}'")
    return {**common, **own, "arm_base": _root(Path(own["arm_urdf"]), own["arm_flange"])}


def _root(urdf: Path, flange: str) -> str:
    """The root link of a user's URDF. Raises: ConfigError where that or the flange is not there, or a link has a name of the tool's."""
    robot = ET.fromstring(_expand(urdf, {}))
    names = [link.get("name", "") for link in robot.findall("link")]
    if flange not in names:
        raise UnknownName(f"flange of {urdf}", flange, names)
    for name in (FT_LINK, PROBE_LINK):
        if name in names:
            raise ConfigError(f"{urdf}: link '{name}' has the name of one that the cell adds; rename it")
    children = {child.get("link") for child in robot.findall("joint/child")}
    roots = [name for name in names if name not in children]
    if len(roots) != 1:
        raise ConfigError(f"{urdf}: must have one root link, not {len(roots)} ({', '.join(roots) or 'its joints form a loop'})")
    return roots[0]


def _probe(name: str) -> str:
    if name not in probe_names():
        raise UnknownName("probe", name, probe_names())
    return name


def _hardware(name: str) -> str:
    if name not in ("mock", "real"):
        raise UnknownName("hardware", name, ("mock", "real"))
    return name


def _expand(path: Path, arguments: dict[str, str]) -> str:
    import xacro

    try:
        document = xacro.process_file(str(path), mappings=arguments)
        text = str(document.toprettyxml(indent="  "))
        document.unlink()  # its elements know each other: they go at once, not when garbage is looked for
        return text
    except (xacro.XacroException, ExpatError, OSError) as e:
        raise ConfigError(f"{path} does not expand: {' '.join(str(e).split())}") from None
