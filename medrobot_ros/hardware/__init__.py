"""What stands between the cell and an arm: the contract, the backends, and their registry."""

from collections.abc import Callable

from medrobot_ros.plugins import Plugins
from medrobot_ros.stage import Stage

BACKENDS = Plugins(
    "hardware",
    "medrobot_ros.hardware",
    {"mock": "medrobot_ros.twin.mock:make", "ros2_control": "medrobot_ros.hardware.ros2_control:make"},
)


def hardware_factory(name: str) -> Callable[..., Stage]:
    """`make(config, arm) -> Stage` of a backend."""
    factory: Callable[..., Stage] = BACKENDS.load(name)
    return factory
