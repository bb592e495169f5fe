"""Commands about what there is: `arms`, `urdf`, `doctor`; and `bench`, what it can do."""

import argparse
import os
from importlib.util import find_spec
from pathlib import Path

from medrobot_ros.cli.arguments import Commands
from medrobot_ros.cli.status import ACCEPTED
from medrobot_ros.config import CellConfig
from medrobot_ros.network import environment


def add(commands: Commands) -> None:
    """Their options."""
    command = commands.add_parser("arms", help="list the arms")
    command.set_defaults(run=_arms)
    command = commands.add_parser("urdf", help="print an arm's expanded URDF")
    command.add_argument("arm")
    command.add_argument("--probe", default=CellConfig().probe.name)
    command.set_defaults(run=_urdf)
    command = commands.add_parser("bench", help="measure: `bench force` prints and draws force errors and margins beside two baselines")
    command.add_argument("what", choices=("force",))
    command.add_argument("--arm", action="append", help="an arm for the spot checks of the whole control path; repeatable (default fr3)")
    command.add_argument("--out", type=Path, default=Path("."), metavar="FOLDER", help="where the picture is put (default here)")
    command.set_defaults(run=_bench)
    command = commands.add_parser("doctor", help="say what this machine lacks and what it costs, and how the cells are that run")
    command.set_defaults(run=_doctor)


def _arms(options: argparse.Namespace) -> int:
    from medrobot_ros.arms import arm_names, load_arm

    probe = CellConfig().probe.name
    for arm in (load_arm(name, probe) for name in arm_names()):
        print(f"{arm.name:8} {arm.display} ({arm.vendor}, {arm.n} joints)")
    return ACCEPTED


def _urdf(options: argparse.Namespace) -> int:
    from medrobot_ros.arms import expand_urdf

    print(expand_urdf(options.arm, options.probe))
    return ACCEPTED


def _bench(options: argparse.Namespace) -> int:
    from medrobot_ros.arms import load_arm
    from medrobot_ros.force_bench.report import report

    arms = tuple(options.arm or (CellConfig().arm.name,))
    for arm in arms:  # an unknown one is refused now, not after minutes
        load_arm(arm, CellConfig().probe.name)
    report(arms, options.out)
    return ACCEPTED


def _doctor(options: argparse.Namespace) -> int:
    from medrobot_ros.doctor import findings

    os.environ.update(environment())
    for line in findings():
        print(line)
    if find_spec("rclpy") is not None:
        from medrobot_ros.nodes.listening import running

        for line in running():
            print(line)
    return ACCEPTED
