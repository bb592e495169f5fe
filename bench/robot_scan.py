"""How true a volume of a robot's scan is: a breathing phantom in the twin, measured from the record; `python bench/robot_scan.py`."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "test"))

from measured import Measured
from phantom import BEADS_MM, SPHERES_MM, STONE_MM, VESSEL_MM, Phantom, config, scanned


def robot_scan(seed: int = 3, amplitude_m: float = 0.006, force_n: float = 5.0) -> dict[str, Any]:
    """Errors of places [mm] and of diameters [share], the breathing taken out of the poses and the pressing undone."""
    c = config(seed, amplitude_m, force_n)
    scene = Phantom(c)
    with tempfile.TemporaryDirectory() as out:
        measured = Measured(scanned(Path(out), c, scene), scene)
    across, down = measured.vessel_mm().mean(axis=0) / VESSEL_MM - 1.0
    shares = {"vessel_across": across, "vessel_down": down, "stone": measured.stone_mm() / STONE_MM - 1.0}
    places = {
        "points_mm": max(np.linalg.norm(measured.bead_error_mm(at)) for at in BEADS_MM),
        "spheres_mm": max(np.linalg.norm(measured.sphere_error_mm(at)) for at in SPHERES_MM),
    }
    return {name: round(float(v), 3) for name, v in {**places, **shares}.items()}


if __name__ == "__main__":
    print(json.dumps(robot_scan(), indent=2))
