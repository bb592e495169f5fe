"""The `medrobot` command."""

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from medrobot_ros import __version__
from medrobot_ros.config import CellConfig, keys
from medrobot_ros.description import environment, nodes_here
from medrobot_ros.errors import DataError, MedrobotError
from medrobot_ros.interfaces import NAMESPACE
from medrobot_ros.options import OPTIONS, cell_config, check_namespace

ACCEPTED, FAILED, REJECTED, STOPPED, INTERRUPTED = 0, 1, 2, 3, 130
SIMULATION_LIMIT_S = 1800.0
EXIT_STATUS = {"accepted": ACCEPTED, "rejected": REJECTED, "aborted": REJECTED, "stopped": STOPPED}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise MedrobotError(f"{message} (`{self.prog} --help` shows the options)")


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
    parser = _Parser(prog="medrobot", description="An autonomous ultrasound examination on a robot arm.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, run, text in (
        ("scan", _scan, "run an examination over ROS 2, in real time"),
        ("simulate", _simulate, "run an examination in one process, without ROS, as fast as possible"),
        ("cell", _cell, "bring the cell up over ROS 2 and leave it up"),
        ("config", _config, "print the resolved configuration, each key with its unit"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        _add_cell_options(command)
        if run in (_scan, _cell):
            command.add_argument("--namespace", type=check_namespace, default=NAMESPACE, help=f"the cell's namespace (default {NAMESPACE})")
        if run is _cell:
            command.add_argument("--nodes", default="", metavar="A,B", help="of the cell's nodes only these; others run on other machines")
        command.set_defaults(run=run)
    command = commands.add_parser("arms", help="list the arms")
    command.set_defaults(run=_arms)
    command = commands.add_parser("urdf", help="print an arm's expanded URDF")
    command.add_argument("arm")
    command.add_argument("--probe", default=CellConfig().probe.name)
    command.set_defaults(run=_urdf)
    command = commands.add_parser("report", help="rebuild the report of a run")
    command.add_argument("folder", type=_existing, metavar="RUN")
    command.set_defaults(run=_report)
    text = "a volume from a tracked sequence (.igs.mha) or a run"
    _add_reconstruct(commands.add_parser("reconstruct", help=text, argument_default=argparse.SUPPRESS))
    command = commands.add_parser("latency", help="how far the images of a tracked sequence or a run lag behind its poses, from the data")
    command.add_argument("file", type=_existing, metavar="FILE", help="a sequence (.igs.mha), or the folder of a run")
    command.add_argument("--calibration", type=Path, metavar="XML", help="PLUS's calibration of a sequence")
    command.set_defaults(run=_latency)
    text = "images from recorded scan lines or RF echoes (.igs.mha)"
    _add_scan_convert(commands.add_parser("scan-convert", help=text, argument_default=argparse.SUPPRESS))
    _add_calibrate(commands.add_parser("calibrate", help="tool point, probe weight, hand-eye or image on the probe, from a file"))
    command = commands.add_parser("cine", help="the images of a run as a film (.mp4)")
    command.add_argument("folder", type=_existing, metavar="RUN")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.mp4")
    command.set_defaults(run=_cine)
    text = "colour and spectral Doppler of a great vessel of the simulated patient"
    command = commands.add_parser("doppler", help=text, description=text)
    _add_cell_options(command)
    command.add_argument("vessel", help="aorta or vena_cava")
    command.add_argument("--rocked-deg", type=float, default=20.0, help="the probe in its image plane (default 20)")
    command.add_argument("--picture", type=Path, required=True, metavar="FILE.png")
    command.set_defaults(run=_doppler)
    _add_measure(commands.add_parser("measure", help="distance, area, volume or a vessel's diameter, in an image or a volume"))
    command = commands.add_parser("bench", help="measure: `bench force` prints and draws force errors and margins beside two baselines")
    command.add_argument("what", choices=("force",))
    command.add_argument("--arm", action="append", help="an arm for the spot checks of the whole control path; repeatable (default fr3)")
    command.add_argument("--out", type=Path, default=Path("."), metavar="FOLDER", help="where the picture is put (default here)")
    command.set_defaults(run=_bench)
    command = commands.add_parser("doctor", help="say what this machine lacks and what it costs, and how the cells are that run")
    command.set_defaults(run=_doctor)
    return parser


def _existing(text: str) -> Path:
    """The path of a file or folder that is there."""
    if not (path := Path(text)).exists():
        raise MedrobotError(f"{text}: no such file or folder")
    return path


def _between(low: float, high: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        if not low <= (value := float(text)) <= high:
            raise argparse.ArgumentTypeError(f"{text} must lie in {low:g} to {high:g}")
        return value

    return number


def _add_cell_options(command: argparse.ArgumentParser) -> None:
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


def _add_reconstruct(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=_existing, metavar="FILE", help="a sequence, or the folder of a run")
    command.add_argument("--calibration", type=Path, default=None, metavar="XML", help="PLUS's calibration and settings of a sequence")
    command.add_argument("--out", type=Path, required=True, metavar="VOLUME", help=".mha or .nrrd")
    command.add_argument("--spacing", dest="spacing_mm", type=float, nargs=3, metavar=("X", "Y", "Z"), help="of the voxels [mm]")
    command.add_argument("--compounding", type=_upper, help="mean, running-mean (as PLUS's mean, rounded each time), maximum or latest")
    command.add_argument("--interpolation", type=_upper, help="linear or nearest-neighbor")
    command.add_argument("--stick", type=int, metavar="VOXELS", help="longest line over which a hole is filled; 0 fills none")
    command.add_argument("--clip", type=int, nargs=4, metavar=("LEFT", "TOP", "WIDTH", "HEIGHT"), help="of the images [pixels]")
    command.add_argument("--depth-mm", type=float, nargs=2, metavar=("NEAR", "FAR"), help="of the pixels that count")
    command.add_argument("--threshold", type=int, help="least value of the pixels that count")
    text = "of a run: leave it in, take it out of the poses, or keep only the images near the end of expiration (default none)"
    command.add_argument("--breathing", choices=("none", "compensate", "gate"), default="none", help=text)
    command.add_argument("--gate-mm", type=_between(0.01, 100.0), default=1.0, help="how near, with --breathing gate (default 1)")
    text = "of a run: leave the tissue as the probe pressed it, or undo that (default leave)"
    command.add_argument("--pressing", choices=("leave", "undo"), default="leave", help=text)
    text = "of a run's images behind its poses, from `latency` (default 0)"
    command.add_argument("--latency-ms", type=_between(-1000.0, 1000.0), default=0.0, help=text)
    command.set_defaults(run=_reconstruct)


def _upper(text: str) -> str:
    return text.upper().replace("-", "_")


def _add_measure(command: argparse.ArgumentParser) -> None:
    command.add_argument("what", choices=("distance", "area", "volume", "diameter"))
    command.add_argument("file", type=_existing, metavar="FILE", help="a volume, a sequence (.igs.mha), or the folder of a run")
    command.add_argument("--image", type=int, metavar="N", help="which image of a sequence or a run, from 0")
    text = "points: column and row each of an image, x, y and z each of a volume, in pixels from the first one's centre"
    command.add_argument("--at", type=float, nargs="+", required=True, metavar="NUMBER", help=text)
    text = "they are in millimetres: of a volume in its own frame, of a run's image across and below the middle of the probe's face"
    command.add_argument("--mm", action="store_true", help=text)
    text = "of the grey levels of a file, so that a diameter ends at half the wall's amplitude; a run knows its own"
    command.add_argument("--dynamic-range-db", type=_between(1.0, 200.0), help=text)
    command.set_defaults(run=_measure)


def _add_scan_convert(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=_existing, metavar="FILE")
    command.add_argument("--geometry", type=Path, required=True, metavar="XML", help="PLUS's file with the machine's <ScanConversion>")
    command.add_argument("--out", type=Path, required=True, metavar="IMAGE.mha")
    command.add_argument("--dynamic-range-db", type=float, help="of RF echoes, below the strongest one (default 60)")
    command.add_argument("--tgc-db-per-cm", type=float, help="gain that RF echoes get with depth (default 0)")
    command.set_defaults(run=_scan_convert)


def _add_calibrate(command: argparse.ArgumentParser) -> None:
    command.add_argument("kind", choices=("tcp", "ft", "hand-eye", "image"))
    text = "measured poses (CSV or YAML), or a tracked sequence (.igs.mha) for image"
    command.add_argument("file", type=_existing, metavar="FILE", help=text)
    command.add_argument("--out", type=Path, required=True, metavar="YAML", help="written, or its section replaced")
    command.add_argument("--serial", required=True, help="serial number of the probe or camera")
    command.add_argument("--mount", default="base", choices=("base", "flange"), help="what carries the camera (hand-eye)")
    command.add_argument("--phantom", type=Path, metavar="YAML", help="where the phantom's wires run (image)")
    command.set_defaults(run=_calibrate)


def _resolved(options: argparse.Namespace) -> CellConfig:
    return cell_config({name: getattr(options, name) for name in OPTIONS}, options.config, options.set)


def _confirm(config: CellConfig) -> None:
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


def _new_run(config: CellConfig) -> Path:
    if not config.recording.enabled:
        raise MedrobotError("an examination's result is made from its record; only `cell` runs without (--no-record)")
    from medrobot_ros.recording.writer import new_run

    return new_run(Path(config.recording.out), datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ"), config)


def _recorded(config: CellConfig) -> tuple[CellConfig, Path]:
    """A new run folder, and the configuration that makes the recorder write there."""
    folder = _new_run(config)
    return replace(config, recording=replace(config.recording, folder=str(folder.resolve()))), folder


# --- commands ---------------------------------------------------------------------------------------------------------


def _simulate(options: argparse.Namespace) -> int:
    from medrobot_ros.arms import load_arm
    from medrobot_ros.cell import Cell, run_examination, simulated_stages
    from medrobot_ros.progress import Progress
    from medrobot_ros.recording.writer import RecorderStage

    config = _resolved(options)
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


def _of_cell(options: argparse.Namespace) -> CellConfig:
    """The settings of a cell over ROS 2, confirmed. Its processes share what this one loads, numpy with its threads first of all."""
    os.environ.update(environment())
    config = _resolved(options)
    _confirm(config)
    return config


def _operator() -> Any:
    """The ROS side, or one clear line where there is no ROS."""
    try:
        from medrobot_ros.nodes import operator
    except ImportError as e:
        raise MedrobotError(f"no ROS 2 here ({e}); install the extra: pip install 'medrobot_ros[ros]', or source ROS 2") from None
    return operator


def _conclude(folder: Path) -> int:
    """Summary, volume and report of a run; its outcome as exit status."""
    from medrobot_ros.finish import finish_run

    summary = finish_run(folder)
    outcome = summary["outcome"] or "stopped"
    reason = f" ({summary['reason']})" if summary.get("reason") else ""
    print(f"{outcome}{reason}: coverage {100 * summary['coverage']:.1f} %, report {folder / 'report.html'}")
    return EXIT_STATUS.get(outcome, STOPPED)


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


def _config(options: argparse.Namespace) -> int:
    for key in keys(_resolved(options)):
        span = f" {key.low:g} to {key.high:g}" if key.low > -1e18 and key.high < 1e18 and not isinstance(key.value, bool | str) else ""
        value = list(key.value) if isinstance(key.value, tuple) else key.value
        print(f"{key.name}: {value!r}  # {key.unit}{span}; {key.meaning}".replace("#  ", "# ").replace("# ; ", "# "))
    return ACCEPTED


def _report(options: argparse.Namespace) -> int:
    from medrobot_ros.finish import finish_run

    finish_run(options.folder)
    print(options.folder / "report.html")
    return ACCEPTED


def _print(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        print(f"{name}: {value}")


def _reconstruct(options: argparse.Namespace) -> int:
    from medrobot_ros.finish import reconstruct_again
    from medrobot_ros.imaging.reconstruction import reconstruct_file

    changes = _given(options, "spacing_mm", "compounding", "interpolation", "stick", "clip", "depth_mm", "threshold")
    if options.file.is_dir():
        gate_m, latency_s = 1e-3 * options.gate_mm, 1e-3 * options.latency_ms
        _print(reconstruct_again(options.file, options.out, options.breathing, gate_m, changes, latency_s, options.pressing))
    elif options.breathing != "none" or options.pressing != "leave":
        raise MedrobotError("--breathing and --pressing need a run: a sequence holds no forces")
    elif options.latency_ms:
        raise MedrobotError("--latency-ms needs a run: a sequence holds no poses between its images")
    elif options.calibration is None:
        raise MedrobotError("reconstruct needs --calibration XML for a tracked sequence")
    else:
        _print(reconstruct_file(options.file, options.calibration, options.out, changes))
    return ACCEPTED


def _given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that stand on the command line, lists as tuples."""
    found = {name: getattr(options, name) for name in names if hasattr(options, name)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def _latency(options: argparse.Namespace) -> int:
    from medrobot_ros.imaging.temporal import file_latency
    from medrobot_ros.latency import run_latency

    if options.file.is_dir():
        _print(run_latency(options.file).figures())
    elif options.calibration is None:
        raise MedrobotError("latency needs --calibration XML for a tracked sequence")
    else:
        _print(file_latency(options.file, options.calibration))
    return ACCEPTED


def _scan_convert(options: argparse.Namespace) -> int:
    from medrobot_ros.imaging.rf import Compression
    from medrobot_ros.imaging.scan_convert import scan_convert_file

    compression = Compression(**_given(options, "dynamic_range_db", "tgc_db_per_cm"))
    _print(scan_convert_file(options.file, options.geometry, options.out, compression))
    return ACCEPTED


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


def _measure(options: argparse.Namespace) -> int:
    from medrobot_ros.imaging.measuring import measured
    from medrobot_ros.measuring import scaled_of

    scaled = scaled_of(options.file, options.image)
    if options.dynamic_range_db is not None:
        scaled = replace(scaled, range_db=options.dynamic_range_db)
    _print(measured(scaled, options.what, options.at, options.mm))
    return ACCEPTED


def _cine(options: argparse.Namespace) -> int:
    from medrobot_ros.imaging.cine import write_cine
    from medrobot_ros.recording.reader import Run

    run = Run(options.folder)
    print(f"{write_cine(run.images, run.geometry, options.out, options.folder)} images in {options.out}")
    return ACCEPTED


def _doppler(options: argparse.Namespace) -> int:
    from medrobot_ros.twin.duplex import draw, examine

    config = _resolved(options)
    duplex = examine(config, options.vessel, options.rocked_deg)
    draw(duplex, config, options.picture)
    _print(duplex.figures())
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


if __name__ == "__main__":
    sys.exit(main())
