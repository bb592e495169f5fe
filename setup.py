"""An ament_python package that pip installs as well."""

import sys
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from medrobot_ros import __version__  # noqa: E402
from medrobot_ros.interfaces import NODES, TOGETHER  # noqa: E402

NAME = "medrobot_ros"
TEAM, EMAIL = "medrobot_ros maintainers", "maintainers@medrobot-ros.org"
EXECUTABLES = (*NODES, *TOGETHER, "ros2_control", "bringup", "forkserver", "view")
ROS_WHEELS = (
    "rclpy", "rmw-fastrtps-cpp", "rcl-interfaces", "std-msgs", "std-srvs", "sensor-msgs", "geometry-msgs", "trajectory-msgs", "nav-msgs",
    "diagnostic-msgs", "visualization-msgs", "lifecycle-msgs",
)  # fmt: skip


def data_files() -> list[tuple[str, list[str]]]:
    """What is found under share/: the folders as they lie here."""
    share = f"share/{NAME}"
    files = [("share/ament_index/resource_index/packages", [f"resource/{NAME}"]), (share, ["package.xml"])]
    for top in ("launch", "config", "urdf", "rviz", "security"):
        for folder in (HERE / top, *sorted(p for p in (HERE / top).rglob("*") if p.is_dir() and p.name != "__pycache__")):
            inside = [str(f.relative_to(HERE)) for f in sorted(folder.iterdir()) if f.is_file()]
            files.append((f"{share}/{folder.relative_to(HERE)}", inside))
    return files


setup(
    name=NAME,
    version=__version__,
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["**/*.j2", "py.typed"]},
    data_files=data_files(),
    python_requires=">=3.10",
    install_requires=[
        "setuptools", "numpy>=1.26", "scipy", "pyyaml", "roboticstoolbox-python>=1.1", "spatialmath-python", "daqp", "ruckig", "ompl>=2",
        "xacro", "numba", "py_trees", "rosbags>=0.11", "mcap", "jinja2", "matplotlib", "pillow", "trimesh",
    ],
    extras_require={
        "ros": [f"ros-jazzy-{name}" for name in ROS_WHEELS],
        "ros-kilted": [f"ros-kilted-{name}" for name in ROS_WHEELS],
        "cine": ["imageio-ffmpeg"],
        "nrrd": ["pynrrd"],
        "nifti": ["nibabel"],
        "gpu": ["numba-cuda"],
        "test": [
            "pytest", "pytest-timeout", "hypothesis", "yourdfpy", "opencv-python-headless<5", "pin", "coal",
            "mujoco", "ruff", "mypy", "types-PyYAML", "imageio-ffmpeg", "pynrrd", "nibabel",
        ],
        "test-all": ["pymust"],
    },
    entry_points={
        "console_scripts": [f"medrobot = {NAME}.cli:main", *(f"{n} = {NAME}.nodes.entry:{n}" for n in EXECUTABLES)],
    },
    zip_safe=True,
    author=TEAM,
    author_email=EMAIL,
    maintainer=TEAM,
    maintainer_email=EMAIL,
    description="A robot cell controller for autonomous medical imaging.",
    license="Apache-2.0",
)  # fmt: skip
