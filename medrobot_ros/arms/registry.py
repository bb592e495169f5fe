"""The arms and probes that there are: this package's files, and entry points of group `medrobot_ros.arms`.

An entry point's object is the path of an arm's YAML file (see `description`).
"""

from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

from medrobot_ros.arms.description import ArmDescription, read_description
from medrobot_ros.arms.model import ArmModel, build_model
from medrobot_ros.errors import ConfigError, UnknownName
from medrobot_ros.resources import share

GROUP = "medrobot_ros.arms"


def arm_names() -> tuple[str, ...]:
    """Every arm that `load_arm` knows, sorted."""
    return tuple(sorted(_files()))


def probe_names() -> tuple[str, ...]:
    """Every probe that can be mounted, sorted."""
    return tuple(sorted(p.stem for p in share("config/probes").glob("*.yaml")))


@lru_cache(maxsize=16)
def load_arm(name: str, probe: str) -> ArmModel:
    """The model of an arm that carries a probe. `UnknownName` lists the valid ones."""
    return build_model(name, arm_description(name), probe, expand_urdf(name, probe))


def arm_description(name: str) -> ArmDescription:
    """What an arm's file says. `UnknownName` lists the valid ones."""
    return read_description(_file(name))


def expand_urdf(name: str, probe: str, hardware: str = "mock", prefix: str = "") -> str:
    """The URDF of an arm with a probe; `hardware` is 'mock' or 'real' and chooses the ros2_control plugin."""
    return _expand(_xacro(name), {"probe": _probe(probe), "hardware": _hardware(hardware), "prefix": prefix})


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
    arm = {"arm_file": str(_xacro(name)), "probe": _probe(probe), "hardware": _hardware(hardware), "prefix": prefix}
    return _expand(share("urdf/cell.urdf.xacro"), {**arm, **place})


def _files() -> dict[str, Path]:
    ours = {p.stem: p for p in share("config/arms").glob("*.yaml")}
    return ours | {e.name: Path(e.load()) for e in entry_points(group=GROUP)}


def _file(name: str) -> Path:
    files = _files()
    if name not in files:
        raise UnknownName("arm", name, files)
    return files[name]


def _xacro(name: str) -> Path:
    return arm_description(name).xacro


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
        return str(xacro.process_file(str(path), mappings=arguments).toprettyxml(indent="  "))
    except xacro.XacroException as e:
        raise ConfigError(f"{path} does not expand: {' '.join(str(e).split())}") from None
