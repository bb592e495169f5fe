"""The `medrobot` command. What a command needs is imported when it runs: `medrobot --help` wants neither ROS nor roboticstoolbox."""

import argparse
import sys
from collections.abc import Sequence

from medrobot_ros import __version__
from medrobot_ros.cli import calibrations, equipment, examinations, images
from medrobot_ros.cli.arguments import Parser
from medrobot_ros.cli.status import FAILED, INTERRUPTED
from medrobot_ros.errors import MedrobotError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status. Mistakes are one line on standard error and status 1."""
    try:
        options = _parser().parse_args(argv)
        status: int = options.run(options)
        return status
    except MedrobotError as e:
        print(f"medrobot: {e}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return FAILED
    except OSError as e:  # a file or folder that cannot be read or written
        print("medrobot: " + ": ".join(str(part) for part in (e.filename, e.strerror or e) if part), file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="medrobot", description="An autonomous ultrasound examination on a robot arm.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    for group in (examinations, images, calibrations, equipment):
        group.add(commands)
    return parser
