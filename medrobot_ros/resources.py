"""Where the package's data lies: config, urdf, rviz and launch files."""

import sys
from pathlib import Path

from medrobot_ros.errors import MachineError

PACKAGE = "medrobot_ros"


def share(relative: str) -> Path:
    """Path of packaged data such as `config/arms`; `MachineError` where it is installed nowhere.

    A clone or an editable install has it beside the source, colcon in the ament share, pip in `<prefix>/share`.
    """
    roots = _roots()
    for root in roots:
        if (root / relative).exists():
            return root / relative
    raise MachineError(f"{PACKAGE} data '{relative}' is missing; looked in {', '.join(str(r) for r in roots)}")


def _roots() -> list[Path]:
    beside = Path(__file__).resolve().parent.parent
    return [beside] * (beside / "resource" / PACKAGE).exists() + _ament_share() + [Path(sys.prefix) / "share" / PACKAGE]


def _ament_share() -> list[Path]:
    try:
        from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
    except ImportError:
        return []
    try:
        return [Path(get_package_share_directory(PACKAGE))]
    except (PackageNotFoundError, OSError):  # OSError: no ROS environment is sourced
        return []
