"""What the launch files share: the robot's frames and its view."""

import shutil
from pathlib import Path
from typing import Any

from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from medrobot_ros.config import CellConfig
from medrobot_ros.description import MESSAGE_FRAMES, robot_description, rviz_config
from medrobot_ros.resources import PACKAGE

TF = [("/tf", "tf"), ("/tf_static", "tf_static")]  # frames stay in their cell, so that many share a network
# The launch system leaves its processes behind when it is terminated or killed. The cell's own see to it; these do not.
WITH_LAUNCH = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


def other(package: str, executable: str, **options: Any) -> Node:
    """A process of another package, which ends when the launch system does."""
    return Node(package=package, executable=executable, exec_name=executable, prefix=" ".join(WITH_LAUNCH) or None, **options)


def frames(config: CellConfig, namespace: str) -> list[Node]:
    """The arm's links from its joint states, and the frames that messages name."""
    description = {"robot_description": ParameterValue(robot_description(config), value_type=str)}
    place = {"namespace": namespace, "remappings": TF}
    static = (
        other(
            "tf2_ros",
            "static_transform_publisher",
            name=f"frame_{frame}",
            arguments=["--frame-id", link, "--child-frame-id", frame],
            **place,
        )
        for frame, link in MESSAGE_FRAMES.items()
    )
    return [other("robot_state_publisher", "robot_state_publisher", parameters=[description], **place), *static]


def view(namespace: str, folder: Path) -> list[Node]:
    """rviz with the view of this cell, and what it cannot draw by itself; both may be closed at any time."""
    file = folder / "cell.rviz"
    file.write_text(rviz_config(namespace))
    return [
        other("rviz2", "rviz2", namespace=namespace, arguments=["-d", str(file)], remappings=TF),
        Node(package=PACKAGE, executable="view", namespace=namespace, ros_arguments=["--enclave", f"/{namespace}/view"]),
    ]
