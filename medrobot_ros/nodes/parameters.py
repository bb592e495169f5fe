"""The configuration as ROS parameters: one for every field, with its unit, range and default from `config`.

Every node declares every setting, so that `ros2 param dump` of any of them starts the same cell. A setting may change while its
node is unconfigured; one that is `live` also while it runs, in the node that the setting names.
"""

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node

from medrobot_ros.config import CellConfig, Key, as_dict, from_dict, keys, merge, nested
from medrobot_ros.errors import ConfigError

_KEYS = {key.name: key for key in keys(CellConfig())}


class Parameters:
    """The settings of a node. `fixed` says whether it is configured; `changed` hears of a live setting, which `check` may refuse by a
    ConfigError.

    Raises: ConfigError for an override out of its range.
    """

    def __init__(
        self, node: Node, fixed: Callable[[], bool], changed: Callable[[CellConfig], None], check: Callable[[CellConfig], None]
    ) -> None:
        self._node, self._fixed, self._changed, self._check = node, fixed, changed, check
        values: dict[str, Any] = as_dict(CellConfig())
        for key in _KEYS.values():
            default = list(key.value) if isinstance(key.value, tuple) else key.value
            value = node.declare_parameter(key.name, default, _descriptor(key)).value
            values = merge(values, nested(key.name, _plain(value)))
        self.config: CellConfig = from_dict(values, node.get_name())
        node.add_on_set_parameters_callback(self._judge)
        node.add_post_set_parameters_callback(self._take)

    def _judge(self, parameters: Iterable[Any]) -> SetParametersResult:
        """Whether the values may be set, and if not why."""
        ours = [p for p in parameters if p.name in _KEYS]
        if not ours:
            return SetParametersResult(successful=True)
        try:
            config = self._with(ours)
            if self._fixed():
                for p in ours:
                    self._check_live(_KEYS[p.name])
                self._check(config)
        except ConfigError as e:
            return SetParametersResult(successful=False, reason=str(e))
        return SetParametersResult(successful=True)

    def _check_live(self, key: Key) -> None:
        here = self._node.get_name()
        if key.live != here:
            how = f"{key.live} takes it while it runs" if key.live else "clean the node up first"
            raise ConfigError(f"{key.name} is fixed while {here} is configured: {how}")

    def _take(self, parameters: Iterable[Any]) -> None:
        ours = [p for p in parameters if p.name in _KEYS]
        if ours:
            self.config = self._with(ours)
            if self._fixed():
                self._changed(self.config)

    def _with(self, parameters: Iterable[Any]) -> CellConfig:
        values = as_dict(self.config)
        for p in parameters:
            values = merge(values, nested(p.name, _plain(p.value)))
        return from_dict(values, self._node.get_name())


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _descriptor(key: Key) -> ParameterDescriptor:
    unit = f" [{key.unit}]" if key.unit else ""
    live = f"; while running, on {key.live}" if key.live else ""
    descriptor = ParameterDescriptor(description=key.meaning + unit + live)
    if isinstance(key.value, float) and isfinite(key.low) and isfinite(key.high):
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(key.low), to_value=float(key.high))]
    elif isinstance(key.value, int) and not isinstance(key.value, bool):
        descriptor.integer_range = [IntegerRange(from_value=int(key.low), to_value=int(key.high))]
    elif key.choices:
        descriptor.additional_constraints = "one of " + ", ".join(key.choices)
    return descriptor
