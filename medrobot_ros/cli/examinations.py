"""Commands that bring a cell to life: `scan`, `simulate`, `cell`; and `config` and `report`, what goes into a run and what comes of it."""

import argparse
import gc
import os
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medrobot_ros.cli.arguments import Commands, add_cell_options, existing, resolved
from medrobot_ros.cli.status import ACCEPTED, INTERRUPTED, OF_OUTCOME, STOPPED
from medrobot_ros.config import CellConfig, keys
from medrobot_ros.description import nodes_here
from medrobot_ros.errors import DataError, MedrobotError
from medrobot_ros.interfaces import NAMESPACE
from medrobot_ros.network import environment
from medrobot_ros.options import check_namespace

SIMULATION_LIMIT_S = 1800.0


def add(commands: Commands) -> None:
    """Their options."""
    for name, run, text in (
        ("scan", _scan, "run an examination over ROS 2, in real time"),
        ("simulate", _simulate, "run an examination in one process, without ROS, as fast as possible"),
        ("cell", _cell, "bring the cell up over ROS 2 and leave it up"),
        ("config", _config, "print the resolved configuration, each key with its unit"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        add_cell_options(command)
        if run in (_scan, _cell):
            command.add_argument("--namespace", type=check_namespace, default=NAMESPACE, help=f"the cell's namespace (default {NAMESPACE})")
        if run is _cell:
            command.add_argument("--nodes", default="", metavar="A,B", help="of the cell's nodes only these; others run on other machines")
        command.set_defaults(run=run)
    command = commands.add_parser("report", help="rebuild the report of a run")
    command.add_argument("folder", type=existing, metavar="RUN")
    command.set_defaults(run=_report)


def _scan(options: argparse.Namespace) -> int:
    from medrobot_ros.nodes.interrupts import Interrupts
    from medrobot_ros.progress import Progress

    config = _of_cell(options)
    with Interrupts() as interrupts:
        operator = _operator()
        config, folder = _recorded(config)
        operator.examine(config, folder, Progress(), interrupts, options.namespace)
    if not interrupts.count:
        return _conclude(folder)
    with suppress(DataError):  # interrupted before anything was recorded
        _conclude(folder)
    return INTERRUPTED


def _simulate(options: argparse.Namespace) -> int:
    from medrobot_ros.arms import load_arm
    from medrobot_ros.cell import Cell, run_examination, simulated_stages
    from medrobot_ros.progress import Progress
    from medrobot_ros.recording.writer import RecorderStage

    config = resolved(options)
    if config.hardware.name == "ros2_control":
        raise MedrobotError("simulate: a driver behind ros2_control is reached over ROS 2 alone; take `medrobot scan`, or --hardware mock")
    folder = _new_run(config)
    progress = Progress()
    recorder = RecorderStage(folder, config, load_arm(config.arm.name, config.probe.name).joint_names)
    cell = Cell(simulated_stages(config), recorder.receive)
    gc.disable()  # signals make no cycles: looking for them took a tenth of the time
    began = time.perf_counter()
    try:
        for task in run_examination(cell, SIMULATION_LIMIT_S):
            progress.show(1e-9 * cell.now_ns, task, cell.latest.get("contact/state"), cell.latest.get("image/quality"))
    finally:
        gc.enable()
        progress.end()
        recorder.close()
    simulated_s, wall_s = 1e-9 * cell.now_ns, time.perf_counter() - began
    print(f"simulated {simulated_s:.1f} s in {wall_s:.1f} s: {simulated_s / wall_s:.1f} times real time")
    return _conclude(folder)


def _cell(options: argparse.Namespace) -> int:
    from medrobot_ros.nodes.interrupts import Interrupts

    config = _of_cell(options)
    with Interrupts() as interrupts:
        operator = _operator()
        if "recorder" in nodes_here(config, options.nodes):
            operator.keep_up(*_recorded(config), interrupts, options.namespace, options.nodes)
        else:
            with TemporaryDirectory(prefix="medrobot-") as folder:
                operator.keep_up(config, Path(folder), interrupts, options.namespace, options.nodes)
    return ACCEPTED


def _config(options: argparse.Namespace) -> int:
    for key in keys(resolved(options)):
        span = f" {key.low:g} to {key.high:g}" if key.low > -1e18 and key.high < 1e18 and not isinstance(key.value, bool | str) else ""
        value = list(key.value) if isinstance(key.value, tuple) else key.value
        print(f"{key.name}: {value!r}  # {key.unit}{span}; {key.meaning}".replace("#  ", "# ").replace("# ; ", "# "))
    return ACCEPTED


def _report(options: argparse.Namespace) -> int:
    from medrobot_ros.finish import finish_run

    finish_run(options.folder)
    print(options.folder / "report.html")
    return ACCEPTED


def confirm(config: CellConfig) -> None:
    """A person confirms the region before a real arm moves. On mock hardware nobody lies under the probe."""
    if config.hardware.name == "mock" or config.scan.confirmed:
        return
    along, across = (1e3 * s for s in config.scan.size_m)
    if not sys.stdin.isatty():
        raise MedrobotError("the region is not confirmed: pass --yes, or answer at a terminal")
    try:
        answer = input(f"Scan {along:.0f} x {across:.0f} mm at {config.contact.force_n:g} N on {config.arm.label}? [y/N] ")
    except EOFError:  # Ctrl-D
        answer = ""
    if answer.lower() != "y":
        raise MedrobotError("the region was not confirmed; nothing moved")


def _of_cell(options: argparse.Namespace) -> CellConfig:
    """The settings of a cell over ROS 2, confirmed. Its processes share what this one loads, numpy with its threads first of all."""
    os.environ.update(environment())
    config = resolved(options)
    confirm(config)
    return config


def _operator() -> Any:
    """The ROS side, or one clear line where there is no ROS."""
    try:
        from medrobot_ros.nodes import operator
    except ImportError as e:
        raise MedrobotError(f"no ROS 2 here ({e}); install the extra: pip install 'medrobot_ros[ros]', or source ROS 2") from None
    return operator


def _new_run(config: CellConfig) -> Path:
    if not config.recording.enabled:
        raise MedrobotError("an examination's result is made from its record; only `cell` runs without (--no-record)")
    from medrobot_ros.recording.writer import run_beginning

    return run_beginning(datetime.now(timezone.utc), config)


def _recorded(config: CellConfig) -> tuple[CellConfig, Path]:
    """A new run folder, and the configuration that makes the recorder write there."""
    folder = _new_run(config)
    return replace(config, recording=replace(config.recording, folder=str(folder.resolve()))), folder


def _conclude(folder: Path) -> int:
    """Summary, volume and report of a run; its outcome as exit status."""
    from medrobot_ros.finish import finish_run

    summary = finish_run(folder)
    outcome = summary["outcome"] or "stopped"
    reason = f" ({summary['reason']})" if summary.get("reason") else ""
    print(f"{outcome}{reason}: coverage {100 * summary['coverage']:.1f} %, report {folder / 'report.html'}")
    return OF_OUTCOME.get(outcome, STOPPED)
