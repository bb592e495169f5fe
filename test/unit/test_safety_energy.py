"""A regulator that is lost: stuck at its full speed into the patient, held back by the guard alone. True force stays below 25 N."""

from dataclasses import replace

import pytest
from fault_outcome import FORCE_LIMIT_N, row
from faults import FAULTS
from faulty_cell import FaultyCell, inject

from medrobot_ros.config import CellConfig

STUCK = next(f for f in FAULTS if f.name == "regulator stuck at full speed")
STIFFNESS_N_PER_M = (300.0, 800.0, 2000.0)
CASES = [
    pytest.param(arm, k, marks=[] if (arm, k) == ("fr3", 2000.0) else pytest.mark.slow)
    for arm in ("fr3", "gen3", "iiwa7") for k in STIFFNESS_N_PER_M
]  # fmt: skip


@pytest.mark.parametrize(("arm", "stiffness_n_per_m"), CASES)
def test_a_regulator_stuck_at_full_speed_presses_below_the_limit(arm, stiffness_n_per_m):
    c = CellConfig()
    tissue = replace(c.twin.tissue, stiffness_n_per_m=stiffness_n_per_m)
    cell = FaultyCell(replace(c, arm=replace(c.arm, name=arm), twin=replace(c.twin, tissue=tissue))).to_phase("approach")
    o = inject(cell, STUCK, seconds=4.0)
    assert c.safety.slow_n / 3.0 < o.force_max_n < FORCE_LIMIT_N, row(STUCK.name, "approach", o)  # it did press
    assert o.finite
