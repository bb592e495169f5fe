"""The tasks: a YAML file of settings in config/tasks each, and who plans them."""

from collections.abc import Callable
from typing import Any

from medrobot_ros.config import load_yaml
from medrobot_ros.plugins import Plugins
from medrobot_ros.resources import share
from medrobot_ros.stage import Stage

TASKS = Plugins("task", "medrobot_ros.tasks", {"ultrasound": "medrobot_ros.planning.task:PlannerStage"})


def task_settings(name: str) -> dict[str, Any]:
    """The settings that a task's file lays over the defaults; `UnknownName` where there is no such task."""
    TASKS.check(name)
    path = share("config/tasks") / f"{name}.yaml"
    return load_yaml(path) if path.exists() else {}


def task_factory(name: str) -> Callable[..., Stage]:
    """`make(config, q_home, T_base_home) -> Stage` of a task."""
    factory: Callable[..., Stage] = TASKS.load(name)
    return factory
