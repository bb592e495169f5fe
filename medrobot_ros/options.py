"""What a user may ask for on the command line or in a launch file, and the configuration that it makes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from medrobot_ros.config import ArmSection, CellConfig, load_yaml, merge, nested, own_file, parse_set, resolve
from medrobot_ros.errors import ConfigError, UnknownName

# Short options and the settings that they stand for.
OPTIONS = {
    "arm": "arm.name",
    "probe": "probe.name",
    "body": "body.mesh",
    "hardware": "hardware.name",
    "vendor": "hardware.vendor",
    "prefix": "hardware.prefix",
    "task": "task",
    "seed": "seed",
    "out": "recording.out",
    "record": "recording.enabled",
    "executor": "ros.executor",
    "yes": "scan.confirmed",
}

DUMPED, OF_ROS = "ros__parameters", ("use_sim_time", "qos_overrides", "start_type_description_service")


def cell_config(options: Mapping[str, Any], file: Path | None = None, pairs: Iterable[str] = ()) -> CellConfig:
    """Defaults, then the task's file, then `file`, then `key=value` pairs, then the short options that are given.

    An option that is None or empty is not given. Raises: ConfigError for a key, value, name or file that cannot be used.
    """
    from medrobot_ros.planning.registry import task_settings

    layers = [("--set", parse_set(pairs)), ("options", _short(options))]
    if file is not None:
        layers.insert(0, (str(file), _settings(load_yaml(file))))
    asked = resolve(layers)
    config = resolve([(f"task {asked.task}", task_settings(asked.task)), *_driver_layer(asked), *layers])
    config = _with_whole_paths(config)
    check_names(config)
    return config


def _settings(values: dict[str, Any]) -> dict[str, Any]:
    """The settings of a file as they are, or out of what `ros2 param dump` wrote of one of the cell's nodes."""
    inside = [node.get(DUMPED) for node in values.values() if isinstance(node, dict)]
    if len(inside) != 1 or not isinstance(inside[0], dict):
        return values
    return {name: value for name, value in inside[0].items() if name not in OF_ROS}


def _driver_layer(asked: CellConfig) -> list[tuple[str, dict[str, Any]]]:
    """What a maker's driver asks of the cell, its rate first of all."""
    if asked.hardware.name != "ros2_control":
        return []
    from medrobot_ros.arms import load_arm
    from medrobot_ros.hardware.vendor import load_vendor

    vendor = load_vendor(asked.hardware.vendor or load_arm(asked.arm.name, asked.probe.name).vendor)
    return [(f"vendor {vendor.name}", dict(vendor.settings))]


def _with_whole_paths(config: CellConfig) -> CellConfig:
    """An arm's and the calibrations' files by paths that hold in any folder, for other processes and for the record."""
    own_arm = own_file(config.arm.name)
    arm = config.arm if own_arm is None else ArmSection(str(own_arm.resolve()))
    probe = replace(config.probe, calibration=_whole(config.probe.calibration))
    camera = replace(config.camera, calibration=_whole(config.camera.calibration))
    return replace(config, arm=arm, probe=probe, camera=camera)


def _whole(path: str) -> str:
    return path and str(Path(path).resolve())


def _short(options: Mapping[str, Any]) -> dict[str, Any]:
    layer: dict[str, Any] = {}
    for name, value in options.items():
        if name not in OPTIONS:
            raise UnknownName("option", name, OPTIONS)
        if value not in (None, ""):
            layer = merge(layer, nested(OPTIONS[name], value))
    return layer


def check_names(config: CellConfig) -> None:
    """Every name in a configuration is known and every file readable: nothing starts otherwise.

    Raises: ConfigError that lists the valid names, DataError for a file that is not what it should be.
    """
    from medrobot_ros.arms import load_arm
    from medrobot_ros.arms.registry import arm_description
    from medrobot_ros.calibration.apply import check_calibrations
    from medrobot_ros.hardware import BACKENDS
    from medrobot_ros.imaging.probe import load_probe
    from medrobot_ros.imaging.source import SOURCES, make_source

    if own_file(config.arm.name) is not None:
        load_arm(config.arm.name, config.probe.name)
    else:
        arm_description(config.arm.name)
    SOURCES.check(config.imaging.source)
    if config.imaging.source == "playback":
        make_source(config)  # reads its files
    load_probe(config.probe.name)
    check_calibrations(config)
    BACKENDS.check(config.hardware.name)
    if config.hardware.name == "ros2_control":
        from medrobot_ros.hardware.ros2_control import vendor_of

        vendor_of(config, load_arm(config.arm.name, config.probe.name))
    if config.body.mesh:
        from medrobot_ros.twin.body import load_body

        load_body(config.body.mesh)
    if config.imaging.labels or config.imaging.materials:
        from medrobot_ros.twin.anatomy import check_labels

        check_labels(config)


def check_namespace(name: str) -> str:
    """A cell's namespace without its slashes. Raises: ConfigError where ROS would refuse it."""
    stripped = name.strip("/")
    if not all(part.isidentifier() and part.isascii() for part in stripped.split("/")):
        raise ConfigError(f"namespace = {name!r}: must be letters, digits and underscores, not a digit first")
    return stripped
