"""What the launch files share: the robot's frames and its view."""

from pathlib import Path

from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from medrobot_ros.config import CellConfig
from medrobot_ros.description import MESSAGE_FRAMES, robot_description, rviz_config
from medrobot_ros.resources import PACKAGE

TF = [("/tf", "tf"), ("/tf_static", "tf_static")]  # frames stay in their cell, so that many share a network


def frames(config: CellConfig, namespace: str) -> list[Node]:
    """The arm's links from its joint states, and the frames that messages name."""
    description = {"robot_description": ParameterValue(robot_description(config), value_type=str)}
    publisher = Node(
        package="robot_state_publisher",
        executable="robot_state_publisher",
        namespace=namespace,
        parameters=[description],
        remappings=TF,
    )
    static = (
        Node(
            package="tf2_ros",
            executable="static_transform_publisher",
            name=f"frame_{frame}",
            namespace=namespace,
            arguments=["--frame-id", link, "--child-frame-id", frame],
            remappings=TF,
        )
        for frame, link in MESSAGE_FRAMES.items()
    )
    return [publisher, *static]


def view(namespace: str, folder: Path) -> list[Node]:
    """rviz with the view of this cell, and what it cannot draw by itself; both may be closed at any time."""
    file = folder / "cell.rviz"
    file.write_text(rviz_config(namespace))
    return [
        Node(package="rviz2", executable="rviz2", namespace=namespace, arguments=["-d", str(file)], remappings=TF),
        Node(package=PACKAGE, executable="view", namespace=namespace, ros_arguments=["--enclave", f"/{namespace}/view"]),
    ]
