"""A maker's ROS 2 driver as the cell meets it: `config/vendors/<vendor>.yaml`, the one table of topics, rates, signs and frames."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from medrobot_ros.config import load_yaml
from medrobot_ros.errors import ConfigError, UnknownName
from medrobot_ros.resources import share

# What the driver's topics are called inside the cell.
JOINTS, WRENCH, FAULT, TRAJECTORY, POSITIONS = (
    "vendor/joint_states", "vendor/wrench", "vendor/fault", "vendor/joint_trajectory", "vendor/positions",
)  # fmt: skip


@dataclass(frozen=True)
class Subscription:
    """A topic of the driver, relative to its namespace, as it offers it."""

    topic: str
    reliable: bool
    depth: int


@dataclass(frozen=True)
class WrenchTopic:
    """`acts_on` says whose force it is: of the environment on the 'tool', or the reverse. It is taken about and in the link `at`.

    `weighs_tool` says whether the probe's weight and inertia are in it. A component below its dead band (force, torque) reads as 0, a
    larger one that much less.
    `from_torque` instead of a topic makes it from the joints' efforts.
    """

    topic: str = ""
    reliable: bool = False
    depth: int = 1
    acts_on: str = "tool"
    at: str = "flange"
    weighs_tool: bool = False
    dead_band_n: float = 0.0
    dead_band_nm: float = 0.0
    from_torque: bool = False


@dataclass(frozen=True)
class CommandTopic:
    """`kind` 'trajectory' (JointTrajectory that ends at rest, `horizon_s` ahead) or 'positions' (Float64MultiArray) at `rate_hz`."""

    kind: str
    topic: str
    rate_hz: float
    horizon_s: float = 0.0


@dataclass(frozen=True)
class Vendor:
    """One driver. `faults` are Bool topics by the name of the event they raise, `spawn` the controllers that its own bring-up does not
    start; `settings` are laid under the user's."""

    name: str
    arms: tuple[str, ...]
    namespace: str
    rate_hz: float
    joints: str
    joint_states: Subscription
    wrench: WrenchTopic
    command: CommandTopic
    faults: Mapping[str, str] = field(default_factory=dict)
    spawn: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def joint_names(self, arm: str, count: int, prefix: str = "") -> tuple[str, ...]:
        """The driver's joint names, from the base."""
        return tuple(self.joints.format(prefix=prefix, arm=arm, number=k + 1) for k in range(count))

    def resolve(self, topic: str, namespace: str = "") -> str:
        """The absolute name of one of its topics, under another namespace if one is given."""
        return "/" + "/".join(part for part in ((namespace or self.namespace).strip("/"), topic.strip("/")) if part)


def controllers(vendor: Vendor, joints: tuple[str, ...]) -> dict[str, Any]:
    """Parameters of the streaming controllers, for controller_manager's spawner: a ROS parameter file's content.

    The type is the controller's own parameter, where the spawner looks for it: the driver's manager has not read this file.
    """
    trajectory: dict[str, Any] = {
        "type": "joint_trajectory_controller/JointTrajectoryController",
        "joints": list(joints),
        "command_interfaces": ["position"],
        "state_interfaces": ["position", "velocity"],
        "allow_partial_joints_goal": False,
        "allow_nonzero_velocity_at_trajectory_end": False,  # what is streamed ends at rest, and nothing else is taken
        "interpolate_from_desired_state": True,
    }
    position: dict[str, Any] = {
        "type": "forward_command_controller/ForwardCommandController",
        "joints": list(joints),
        "interface_name": "position",
    }
    known = {"joint_trajectory_controller": trajectory, "forward_position_controller": position}
    return {f"/**/{name}": {"ros__parameters": known[name]} for name in vendor.spawn}


def vendor_names() -> tuple[str, ...]:
    """Makers with a file in config/vendors."""
    return tuple(sorted(p.stem for p in share("config/vendors").glob("*.yaml")))


def load_vendor(name: str) -> Vendor:
    """A maker's driver by name. `UnknownName` for one that is not there, `ConfigError` for a file that is not whole."""
    if name not in vendor_names():
        raise UnknownName("vendor", name, vendor_names())
    return read_vendor(share(f"config/vendors/{name}.yaml"))


def read_vendor(path: Path) -> Vendor:
    """The driver in a YAML file."""
    values = load_yaml(path)
    parts = {"joint_states": Subscription, "wrench": WrenchTopic, "command": CommandTopic}
    try:
        made = {k: _made(path, k, parts[k], v) if k in parts else tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        vendor: Vendor = _made(path, "", Vendor, {"name": path.stem, **made})
    except TypeError as e:
        raise ConfigError(f"{path}: {e}") from None
    if vendor.command.kind not in ("trajectory", "positions"):
        raise ConfigError(f"{path}: command.kind '{vendor.command.kind}' must be trajectory or positions")
    if vendor.wrench.acts_on not in ("tool", "environment"):
        raise ConfigError(f"{path}: wrench.acts_on '{vendor.wrench.acts_on}' must be tool or environment")
    return vendor


def _made(path: Path, section: str, kind: type, values: Any) -> Any:
    valid = [f.name for f in fields(kind)]
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path}: {section} must hold {', '.join(valid)}")
    for name in values:
        if name not in valid:
            raise UnknownName(f"key in {path}:", f"{section}.{name}".strip("."), valid)
    return kind(**values)
