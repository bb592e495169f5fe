"""Nothing is compiled, or loaded compiled, in a tick: a third of a second's pause in control is a safety stop, half a second in imaging."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from medrobot_ros.cell import Cell, run_examination, simulated_stages
from medrobot_ros.options import cell_config
from numba.core.registry import CPUDispatcher

ROOMS = tuple(f"medrobot_ros.{room}" for room in ("arms", "contact", "geometry", "hardware", "imaging", "planning", "safety", "twin"))


def compiled():
    modules = list(sys.modules.values())
    functions = {id(f): f for m in modules for f in vars(m).values() if isinstance(f, CPUDispatcher)}
    named = {(f.py_func.__module__, f.py_func.__name__): len(f.signatures) for f in functions.values()}
    return {name: count for name, count in named.items() if name[0].startswith(ROOMS)}


arm, *options = sys.argv[1:]
config = cell_config({"arm": arm}, None, options)
cell = Cell(simulated_stages(config))
before = compiled()
assert len(before) > 20, before
for status in run_examination(cell, 120.0):
    pass
assert status.outcome == "accepted", status
late = {name: count for name, count in compiled().items() if count != before.get(name, 0)}
assert not late, f"compiled after the stages were made: {late}"
"""


@pytest.mark.parametrize("arm", ["fr3", pytest.param("gen3", marks=pytest.mark.slow), pytest.param("iiwa7", marks=pytest.mark.slow)])
def test_every_function_is_compiled_before_the_first_tick(arm):
    options = ["scan.size_m=0.04,0.03", "scan.speed_m_per_s=0.03", "scan.confirmed=true"]
    # A process of its own: what other tests had compiled would hide what is missing.
    done = subprocess.run([sys.executable, "-c", SCRIPT, arm, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
