"""The command `calibrate`."""

import argparse
from datetime import datetime, timezone
from pathlib import Path

from medrobot_ros.cli.arguments import Commands, existing
from medrobot_ros.cli.status import ACCEPTED
from medrobot_ros.errors import MedrobotError


def add(commands: Commands) -> None:
    """Its options."""
    command = commands.add_parser("calibrate", help="tool point, probe weight, hand-eye or image on the probe, from a file")
    command.add_argument("kind", choices=("tcp", "ft", "hand-eye", "image"))
    text = "measured poses (CSV or YAML), or a tracked sequence (.igs.mha) for image"
    command.add_argument("file", type=existing, metavar="FILE", help=text)
    command.add_argument("--out", type=Path, required=True, metavar="YAML", help="written, or its section replaced")
    command.add_argument("--serial", required=True, help="serial number of the probe or camera")
    command.add_argument("--mount", default="base", choices=("base", "flange"), help="what carries the camera (hand-eye)")
    command.add_argument("--phantom", type=Path, metavar="YAML", help="where the phantom's wires run (image)")
    command.set_defaults(run=_calibrate)


def _calibrate(options: argparse.Namespace) -> int:
    import numpy as np

    from medrobot_ros.calibration.files import CALIBRATIONS
    from medrobot_ros.calibration.store import Section, write_section

    if options.kind == "image" and options.phantom is None:
        raise MedrobotError("calibrate image needs --phantom YAML (docs/calibration.md says what it holds)")
    arguments = {"hand-eye": (options.mount,), "image": (options.phantom,)}.get(options.kind, ())
    values = CALIBRATIONS[options.kind](options.file, *arguments)
    today = datetime.now(timezone.utc).date().isoformat()
    write_section(options.out, Section(options.kind, today, options.serial, values))
    for name, value in values.items():
        print(f"{name}: {value if isinstance(value, str) else np.array2string(np.asarray(value), precision=6, suppress_small=True)}")
    return ACCEPTED
