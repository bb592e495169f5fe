"""What the commands share: how an argument is read and refused, the options of a cell, and how figures are printed."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from medrobot_ros.config import CellConfig
from medrobot_ros.errors import MedrobotError
from medrobot_ros.options import OPTIONS, cell_config

Commands = Any  # what argparse's `add_subparsers` returns, which has no public name


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments, as of any other mistake."""

    def error(self, message: str) -> NoReturn:
        raise MedrobotError(f"{message} (`{self.prog} --help` shows the options)")


def existing(text: str) -> Path:
    """The path of a file or folder that is there."""
    if not (path := Path(text)).exists():
        raise MedrobotError(f"{text}: no such file or folder")
    return path


def between(low: float, high: float) -> Callable[[str], float]:
    """A number in this range."""

    def number(text: str) -> float:
        if not low <= (value := float(text)) <= high:
            raise argparse.ArgumentTypeError(f"{text} must lie in {low:g} to {high:g}")
        return value

    return number


def upper(text: str) -> str:
    """A choice as PLUS spells it: `RUNNING_MEAN` for running-mean."""
    return text.upper().replace("-", "_")


def given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that stand on the command line, lists as tuples."""
    found = {name: getattr(options, name) for name in names if hasattr(options, name)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def add_cell_options(command: argparse.ArgumentParser) -> None:
    """What a cell is made of; `resolved` makes its settings from them."""
    command.add_argument("--arm", help="which arm: one that `medrobot arms` lists, or a YAML file of your own (docs/add_an_arm.md)")
    command.add_argument("--task", help="which task (default ultrasound)")
    command.add_argument("--hardware", help="which hardware (default mock)")
    command.add_argument("--vendor", help="whose driver, with --hardware ros2_control (default the arm's own maker's)")
    command.add_argument("--prefix", help="prefix of that driver's joint names")
    command.add_argument("--probe", help="which probe (default curvilinear)")
    command.add_argument("--body", help="a watertight surface mesh instead of the analytic torso")
    command.add_argument("--out", help="folder that the run folder is made in (default runs)")
    command.add_argument("--seed", type=int, help="seed of every random draw")
    command.add_argument("--config", type=Path, metavar="FILE", help="a YAML file of settings")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; repeatable")
    command.add_argument("--no-record", dest="record", action="store_const", const=False, help="no recorder (`cell` only)")
    command.add_argument("--executor", help="what wakes contact and kinematics: auto, events, single (default auto)")
    command.add_argument("--yes", action="store_true", default=None, help="the region is confirmed")


def resolved(options: argparse.Namespace) -> CellConfig:
    """The settings of a command with the options of a cell. Raises: ConfigError."""
    return cell_config({name: getattr(options, name) for name in OPTIONS}, options.config, options.set)


def print_figures(figures: dict[str, Any]) -> None:
    """One line each."""
    for name, value in figures.items():
        print(f"{name}: {value}")
