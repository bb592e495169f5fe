"""The configuration as ROS parameters: one for every field, with its unit, range and default from `config`."""

from math import isfinite
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from medrobot_ros.config import CellConfig, Key, as_dict, from_dict, keys, merge, nested


def declare_config(node: Node) -> CellConfig:
    """Declares every setting on the node and returns the configuration that its overrides make.

    Raises: ConfigError for a value out of its range.
    """
    values: dict[str, Any] = as_dict(CellConfig())
    for key in keys(CellConfig()):
        default = list(key.value) if isinstance(key.value, tuple) else key.value
        value = node.declare_parameter(key.name, default, _descriptor(key)).value
        over: Any = value.tolist() if hasattr(value, "tolist") else value
        values = merge(values, nested(key.name, over))
    return from_dict(values, node.get_name())


def _descriptor(key: Key) -> ParameterDescriptor:
    unit = f" [{key.unit}]" if key.unit else ""
    descriptor = ParameterDescriptor(description=key.meaning + unit, read_only=True)
    if isinstance(key.value, float) and isfinite(key.low) and isfinite(key.high):
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(key.low), to_value=float(key.high))]
    elif isinstance(key.value, int) and not isinstance(key.value, bool):
        descriptor.integer_range = [IntegerRange(from_value=int(key.low), to_value=int(key.high))]
    elif key.choices:
        descriptor.additional_constraints = "one of " + ", ".join(key.choices)
    return descriptor
