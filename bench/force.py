"""Force control's figures; `medrobot bench force` prints the maps."""

from typing import Any

from medrobot_ros.force_bench.report import figures as _figures


def figures(arms: tuple[str, ...]) -> dict[str, Any]:
    """Bandwidths and force errors of the whole control path."""
    return _figures(arms)
