"""How long a patient of the twin takes to be drawn: `python bench/anatomy.py [patients]` prints the figures as JSON."""

import json
import sys
import time
from typing import Any

import numpy as np

from medrobot_ros.twin.anatomy import Anatomy


def anatomy(patients: int = 10) -> dict[str, Any]:
    """Processor seconds a patient, the first one left out."""
    times = []
    for seed in range(patients + 1):
        began = time.process_time()
        Anatomy(seed)
        times.append(time.process_time() - began)
    return {"patients": patients, "median_s": round(float(np.median(times[1:])), 2), "max_s": round(max(times[1:]), 2)}


if __name__ == "__main__":
    print(json.dumps(anatomy(*(int(a) for a in sys.argv[1:])), indent=2))
