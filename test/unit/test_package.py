"""The package says what it is and needs, once, in the words of pip and of ROS."""

import ast
import re
import runpy
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from medrobot_ros import __version__
from medrobot_ros.interfaces import NODES, SERVICES, TOPICS

ROOT = Path(__file__).parents[2]
PACKAGE_XML = ET.parse(ROOT / "package.xml").getroot()
# Distributions whose modules have another name, and their rosdep keys where they have one.
DISTRIBUTION = {
    "roboticstoolbox": "roboticstoolbox-python", "spatialmath": "spatialmath-python", "yaml": "pyyaml", "PIL": "pillow",
    "imageio_ffmpeg": "imageio-ffmpeg", "nrrd": "pynrrd",
}  # fmt: skip
OPTIONAL = {"imageio_ffmpeg": "cine", "nrrd": "nrrd", "nibabel": "nifti"}  # imported where it is used, with the extra that brings it
ROSDEP = {
    "numpy": "python3-numpy", "scipy": "python3-scipy", "yaml": "python3-yaml", "jinja2": "python3-jinja2",
    "matplotlib": "python3-matplotlib", "PIL": "python3-pil", "xacro": "xacro",
}  # fmt: skip
ROS_CLIENT = {"rclpy", "rcl_interfaces", "lifecycle_msgs"}


def imported():
    """Top-level modules that the package imports anywhere, its own and the standard library left out."""
    names = set()
    for path in (ROOT / "medrobot_ros").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {a.name.split(".")[0] for a in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"medrobot_ros"}


def ros_packages():
    """ROS packages that the nodes import or whose types the interface table names."""
    types = {row.type.split("/")[0] for row in (*TOPICS, *SERVICES)}
    return types | (imported() & ROS_CLIENT)


def setup_value(name):
    """A literal keyword or constant of setup.py."""
    for node in ast.walk(ast.parse((ROOT / "setup.py").read_text())):
        if isinstance(node, ast.keyword) and node.arg == name:
            return ast.literal_eval(node.value)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"setup.py has no {name}")


def depends():
    return {e.text for e in PACKAGE_XML.findall("exec_depend")}


def test_package_xml_agrees_with_the_package():
    assert PACKAGE_XML.get("format") == "3"
    assert PACKAGE_XML.findtext("version") == __version__
    assert PACKAGE_XML.findtext("export/build_type") == "ament_python"
    assert re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", PACKAGE_XML.find("maintainer").get("email"))


def test_what_is_imported_is_required_and_nothing_else():
    required = {re.split(r"[<>=]", r)[0] for r in setup_value("install_requires")} - {"setuptools"}
    from_ros = ROS_CLIENT | ros_packages() | {"ament_index_python", "launch_ros"}
    assert {DISTRIBUTION.get(n, n) for n in imported() - from_ros - OPTIONAL.keys()} == required


@pytest.mark.parametrize(("module", "extra"), OPTIONAL.items())
def test_what_is_optional_is_imported_and_has_its_extra(module, extra):
    extras = next(n.value for n in ast.walk(ast.parse((ROOT / "setup.py").read_text())) if getattr(n, "arg", "") == "extras_require")
    listed = {ast.literal_eval(k): v for k, v in zip(extras.keys, extras.values, strict=True)}
    assert module in imported() and DISTRIBUTION.get(module, module) in ast.literal_eval(listed[extra])


def test_ros_knows_what_is_needed():
    assert ros_packages() <= depends()
    assert {key for name, key in ROSDEP.items() if name in imported()} <= depends()


def test_the_wheels_bring_every_ros_package():
    assert {name.replace("_", "-") for name in ros_packages()} <= set(setup_value("ROS_WHEELS"))


def test_every_node_has_an_entry_point():
    entry = ast.parse((ROOT / "medrobot_ros" / "nodes" / "entry.py").read_text())
    assert set(NODES) <= {f.name for f in entry.body if isinstance(f, ast.FunctionDef)}


def test_an_installation_brings_what_is_not_python(monkeypatch):
    given = {}
    monkeypatch.setattr("setuptools.setup", lambda **said: given.update(said))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(ROOT / "setup.py"))
    placed = [(folder.removeprefix("share/medrobot_ros/"), file) for folder, files in given["data_files"] for file in files]
    installed = {f"{folder}/{Path(file).name}" for folder, file in placed}
    for folder in ("launch", "config", "urdf", "rviz", "security"):
        here = {str(p.relative_to(ROOT)) for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts}
        assert here and here <= installed


def test_data_is_where_an_installation_looks_for_it():
    from medrobot_ros.resources import share

    for relative in ("package.xml", "config/arms", "config/probes", "urdf/cell.urdf.xacro", "rviz/cell.rviz", "launch/cell.launch.py"):
        assert share(relative).exists()
