"""Who may import whom, read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from medrobot_ros.interfaces import TOPICS

ROOT = Path(__file__).parents[1] / "medrobot_ros"
BASE = {"security", "signals", "interfaces", "errors", "stage", "config", "geometry", "resources", "plugins", "messages", "png", "__init__"}
ROOMS = {
    "arms": {"arms"},
    "calibration": {"calibration", "arms", "imaging"},
    "contact": {"contact"},
    "safety": {"safety"},
    "imaging": {"imaging"},
    "planning": {"planning"},
    "recording": {"recording"},
    "hardware": {"hardware", "arms", "safety"},
    "twin": {"twin", "arms", "safety", "hardware", "imaging"},
}
COMPOSERS = {"cell", "finish", "latency", "measuring", "network", "pressing", "description", "doctor", "options", "progress", "force_bench"}
CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "now", "utcnow", "today"}
MESSAGES = ("_msgs", "std_srvs", "rcl_interfaces", "rclpy", "builtin_interfaces")

FILES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Modules that a file imports anywhere, functions included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{a.name}" for a in node.names}
    return found


def own_rooms(path: Path) -> set[str]:
    names = {n.split(".")[1] for n in imports(path) if n.startswith("medrobot_ros.")}
    return {n for n in names if n != "__version__"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_import_only_what_they_may(path):
    room, used = room_of(path), own_rooms(path)
    if room in BASE:
        assert used <= BASE
    elif room in ROOMS:
        assert used <= BASE | ROOMS[room]
    elif room in COMPOSERS:
        assert "nodes" not in used and "cli" not in used
    else:
        assert room in {"nodes", "cli"}


@pytest.mark.parametrize("path", [p for p in FILES if room_of(p) != "nodes"], ids=lambda p: str(p.relative_to(ROOT)))
def test_no_ros_and_no_wall_clock_outside_nodes(path):
    third_party = {n for n in imports(path) if not n.startswith("medrobot_ros")}
    assert not [n for n in third_party if n.split(".")[0].endswith("_msgs") or n.split(".")[0] in MESSAGES]
    if room_of(path) == "cli":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("time", "datetime", "date"):
            assert node.attr not in CLOCKS, f"{path.name}:{node.lineno}"


def test_the_twins_truth_is_read_only_by_its_own_sources_and_the_record():
    """Stages read what the interface table gives them; nobody else's source names a topic of the truth."""
    for row in TOPICS:
        if row.name.startswith("twin/"):
            assert row.writers == ("hardware",)
            assert set(row.readers) <= {"imaging", "surface"}, row.name
    may_name = {"twin", "imaging", "recording", "interfaces", "messages", "nodes", "force_bench"}
    for path in FILES:
        if room_of(path) not in may_name:
            strings = (n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant))
            assert not [s for s in strings if isinstance(s, str) and s.startswith("twin/")], path


def test_nodes_are_imported_lazily():
    for path in FILES:
        if room_of(path) == "cli":
            top = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.ImportFrom)]
            assert not [n for n in top if n.module and "nodes" in n.module], path
        elif room_of(path) != "nodes":
            assert "nodes" not in own_rooms(path), path


def test_the_command_starts_without_ros_or_roboticstoolbox():
    code = "import sys, medrobot_ros.cli; sys.exit(any(m in sys.modules for m in ('rclpy', 'roboticstoolbox', 'matplotlib', 'numba')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
