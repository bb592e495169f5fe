"""Commands on images: `reconstruct`, `latency`, `scan-convert`, `cine`, `measure`, and `doppler` of the simulated patient."""

import argparse
from dataclasses import replace
from pathlib import Path

from medrobot_ros.cli.arguments import Commands, add_cell_options, between, existing, given, print_figures, resolved, upper
from medrobot_ros.cli.status import ACCEPTED
from medrobot_ros.errors import MedrobotError


def add(commands: Commands) -> None:
    """Their options."""
    text = "a volume from a tracked sequence (.igs.mha) or a run"
    _add_reconstruct(commands.add_parser("reconstruct", help=text, argument_default=argparse.SUPPRESS))
    text = "how far the images of a tracked sequence or a run lag behind its poses, from the data"
    _add_latency(commands.add_parser("latency", help=text))
    text = "images from recorded scan lines or RF echoes (.igs.mha)"
    _add_scan_convert(commands.add_parser("scan-convert", help=text, argument_default=argparse.SUPPRESS))
    _add_cine(commands.add_parser("cine", help="the images of a run as a film (.mp4)"))
    text = "colour and spectral Doppler of a great vessel of the simulated patient"
    _add_doppler(commands.add_parser("doppler", help=text, description=text))
    _add_measure(commands.add_parser("measure", help="distance, area, volume or a vessel's diameter, in an image or a volume"))


def _add_reconstruct(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=existing, metavar="FILE", help="a sequence, or the folder of a run")
    command.add_argument("--calibration", type=Path, default=None, metavar="XML", help="PLUS's calibration and settings of a sequence")
    command.add_argument("--out", type=Path, required=True, metavar="VOLUME", help=".mha or .nrrd")
    command.add_argument("--spacing", dest="spacing_mm", type=float, nargs=3, metavar=("X", "Y", "Z"), help="of the voxels [mm]")
    command.add_argument("--compounding", type=upper, help="mean, running-mean (as PLUS's mean, rounded each time), maximum or latest")
    command.add_argument("--interpolation", type=upper, help="linear or nearest-neighbor")
    command.add_argument("--stick", type=int, metavar="VOXELS", help="longest line over which a hole is filled; 0 fills none")
    command.add_argument("--clip", type=int, nargs=4, metavar=("LEFT", "TOP", "WIDTH", "HEIGHT"), help="of the images [pixels]")
    command.add_argument("--depth-mm", type=float, nargs=2, metavar=("NEAR", "FAR"), help="of the pixels that count")
    command.add_argument("--threshold", type=int, help="least value of the pixels that count")
    text = "of a run: leave it in, take it out of the poses, or keep only the images near the end of expiration (default none)"
    command.add_argument("--breathing", choices=("none", "compensate", "gate"), default="none", help=text)
    command.add_argument("--gate-mm", type=between(0.01, 100.0), default=1.0, help="how near, with --breathing gate (default 1)")
    text = "of a run: leave the tissue as the probe pressed it, or undo that (default leave)"
    command.add_argument("--pressing", choices=("leave", "undo"), default="leave", help=text)
    text = "of a run's images behind its poses, from `latency` (default 0)"
    command.add_argument("--latency-ms", type=between(-1000.0, 1000.0), default=0.0, help=text)
    command.set_defaults(run=_reconstruct)


def _add_latency(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=existing, metavar="FILE", help="a sequence (.igs.mha), or the folder of a run")
    command.add_argument("--calibration", type=Path, metavar="XML", help="PLUS's calibration of a sequence")
    command.set_defaults(run=_latency)


def _add_scan_convert(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=existing, metavar="FILE")
    command.add_argument("--geometry", type=Path, required=True, metavar="XML", help="PLUS's file with the machine's <ScanConversion>")
    command.add_argument("--out", type=Path, required=True, metavar="IMAGE.mha")
    command.add_argument("--dynamic-range-db", type=float, help="of RF echoes, below the strongest one (default 60)")
    command.add_argument("--tgc-db-per-cm", type=float, help="gain that RF echoes get with depth (default 0)")
    command.set_defaults(run=_scan_convert)


def _add_cine(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=existing, metavar="RUN")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.mp4")
    command.set_defaults(run=_cine)


def _add_doppler(command: argparse.ArgumentParser) -> None:
    add_cell_options(command)
    command.add_argument("vessel", help="aorta or vena_cava")
    command.add_argument("--rocked-deg", type=float, default=20.0, help="the probe in its image plane (default 20)")
    command.add_argument("--picture", type=Path, required=True, metavar="FILE.png")
    command.set_defaults(run=_doppler)


def _add_measure(command: argparse.ArgumentParser) -> None:
    command.add_argument("what", choices=("distance", "area", "volume", "diameter"))
    command.add_argument("file", type=existing, metavar="FILE", help="a volume, a sequence (.igs.mha), or the folder of a run")
    command.add_argument("--image", type=int, metavar="N", help="which image of a sequence or a run, from 0")
    text = "points: column and row each of an image, x, y and z each of a volume, in pixels from the first one's centre"
    command.add_argument("--at", type=float, nargs="+", required=True, metavar="NUMBER", help=text)
    text = "they are in millimetres: of a volume in its own frame, of a run's image across and below the middle of the probe's face"
    command.add_argument("--mm", action="store_true", help=text)
    text = "of the grey levels of a file, so that a diameter ends at half the wall's amplitude; a run knows its own"
    command.add_argument("--dynamic-range-db", type=between(1.0, 200.0), help=text)
    command.set_defaults(run=_measure)


def _reconstruct(options: argparse.Namespace) -> int:
    from medrobot_ros.finish import reconstruct_again
    from medrobot_ros.imaging.reconstruction import reconstruct_file

    changes = given(options, "spacing_mm", "compounding", "interpolation", "stick", "clip", "depth_mm", "threshold")
    if options.file.is_dir():
        gate_m, latency_s = 1e-3 * options.gate_mm, 1e-3 * options.latency_ms
        print_figures(reconstruct_again(options.file, options.out, options.breathing, gate_m, changes, latency_s, options.pressing))
    elif options.breathing != "none" or options.pressing != "leave":
        raise MedrobotError("--breathing and --pressing need a run: a sequence holds no forces")
    elif options.latency_ms:
        raise MedrobotError("--latency-ms needs a run: a sequence holds no poses between its images")
    elif options.calibration is None:
        raise MedrobotError("reconstruct needs --calibration XML for a tracked sequence")
    else:
        print_figures(reconstruct_file(options.file, options.calibration, options.out, changes))
    return ACCEPTED


def _latency(options: argparse.Namespace) -> int:
    from medrobot_ros.imaging.temporal import file_latency
    from medrobot_ros.latency import run_latency

    if options.file.is_dir():
        print_figures(run_latency(options.file).figures())
    elif options.calibration is None:
        raise MedrobotError("latency needs --calibration XML for a tracked sequence")
    else:
        print_figures(file_latency(options.file, options.calibration))
    return ACCEPTED


def _scan_convert(options: argparse.Namespace) -> int:
    from medrobot_ros.imaging.rf import Compression
    from medrobot_ros.imaging.scan_convert import scan_convert_file

    compression = Compression(**given(options, "dynamic_range_db", "tgc_db_per_cm"))
    print_figures(scan_convert_file(options.file, options.geometry, options.out, compression))
    return ACCEPTED


def _cine(options: argparse.Namespace) -> int:
    from medrobot_ros.imaging.cine import write_cine
    from medrobot_ros.recording.reader import Run

    run = Run(options.folder)
    print(f"{write_cine(run.images, run.geometry, options.out, options.folder)} images in {options.out}")
    return ACCEPTED


def _doppler(options: argparse.Namespace) -> int:
    from medrobot_ros.twin.duplex import draw, examine

    config = resolved(options)
    duplex = examine(config, options.vessel, options.rocked_deg)
    draw(duplex, config, options.picture)
    print_figures(duplex.figures())
    return ACCEPTED


def _measure(options: argparse.Namespace) -> int:
    from medrobot_ros.imaging.measuring import measured
    from medrobot_ros.measuring import scaled_of

    scaled = scaled_of(options.file, options.image)
    if options.dynamic_range_db is not None:
        scaled = replace(scaled, range_db=options.dynamic_range_db)
    print_figures(measured(scaled, options.what, options.at, options.mm))
    return ACCEPTED
