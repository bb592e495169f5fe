"""The tasks: a YAML file of settings in config/tasks each, and who plans them."""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from medrobot_ros.config import load_yaml
from medrobot_ros.errors import UnknownName
from medrobot_ros.resources import share
from medrobot_ros.stage import Stage

GROUP = "medrobot_ros.tasks"
_PLANNERS = {"ultrasound": "medrobot_ros.planning.task:PlannerStage"}


def task_names() -> tuple[str, ...]:
    """Tasks of this package and of others' entry points."""
    return tuple(sorted({*_PLANNERS, *(e.name for e in entry_points(group=GROUP))}))


def task_settings(name: str) -> dict[str, Any]:
    """The settings that a task's file lays over the defaults; `UnknownName` where there is no such task."""
    if name not in task_names():
        raise UnknownName("task", name, task_names())
    path = share("config/tasks") / f"{name}.yaml"
    return load_yaml(path) if path.exists() else {}


def task_factory(name: str) -> Callable[..., Stage]:
    """`make(config, q_home, T_base_home) -> Stage` of a task."""
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return entry.load()  # type: ignore[no-any-return]
    if name not in _PLANNERS:
        raise UnknownName("task", name, task_names())
    module, _, attribute = _PLANNERS[name].partition(":")
    return getattr(import_module(module), attribute)  # type: ignore[no-any-return]
