"""YAML files: read as mappings, and a section's defaults written as one."""

from pathlib import Path
from typing import Any

import yaml

from medrobot_ros.config.layers import keys
from medrobot_ros.config.sections import CellConfig
from medrobot_ros.errors import ConfigError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with it


def load_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file."""
    try:
        values = yaml.load(path.read_text(), _LOADER)
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"cannot read {path}: {getattr(e, 'strerror', None) or 'not a text file'}") from None
    except yaml.YAMLError as e:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(e).split())}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold keys and values")
    return values


def section_as_yaml(section: str) -> str:
    """One section's defaults as a file for `--config`, each with its unit, range and meaning."""
    command = f"python -m medrobot_ros.config {section}"
    rows = [f"# Written by `{command}`; a test compares them. Change a copy and give it with `--config`.", f"{section}:"]
    for key in keys(getattr(CellConfig(), section)):
        value = list(key.value) if isinstance(key.value, tuple) else key.value
        unit = f" {key.unit}" if key.unit else ""
        rows.append(f"  {key.name}: {value}  # {key.low:g} to {key.high:g}{unit}; {key.meaning}")
    return "\n".join(rows) + "\n"
