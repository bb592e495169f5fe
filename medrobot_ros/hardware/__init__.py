"""What stands between the cell and an arm: the contract, the backends, and their registry."""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points

from medrobot_ros.errors import UnknownName
from medrobot_ros.stage import Stage

_BACKENDS = {"mock": "medrobot_ros.twin.mock:make", "ros2_control": "medrobot_ros.hardware.ros2_control:make"}


def hardware_names() -> tuple[str, ...]:
    """Backends in this package and in others' entry points."""
    return tuple(sorted({*_BACKENDS, *(e.name for e in entry_points(group="medrobot_ros.hardware"))}))


def hardware_factory(name: str) -> Callable[..., Stage]:
    """`make(config, arm) -> Stage` of a backend."""
    for entry in entry_points(group="medrobot_ros.hardware"):
        if entry.name == name:
            return entry.load()  # type: ignore[no-any-return]
    if name not in _BACKENDS:
        raise UnknownName("hardware", name, hardware_names())
    module, _, function = _BACKENDS[name].partition(":")
    return getattr(import_module(module), function)  # type: ignore[no-any-return]
