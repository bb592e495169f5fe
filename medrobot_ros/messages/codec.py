"""What makes the message of each topic, `encode(kit, row, signal)`, and what the signal, `decode(kit, row, message)`."""

from collections.abc import Callable, Iterable
from typing import Any

from medrobot_ros.interfaces import topic
from medrobot_ros.messages import clouds, images, joints, paths, skin, truth, vectors
from medrobot_ros.messages.kit import Decode, Encode, Kit
from medrobot_ros.messages.status import STATUS_ROWS
from medrobot_ros.signals import ProbeTwist, TwistCommand


class Codec:
    """Encodes and decodes the signals of the interface table.

    `types` gives the message class of a ROS name such as `std_msgs/msg/Header`. With `joint_names`, joint states are put
    into that order.
    """

    def __init__(self, types: Callable[[str], Any], joint_names: Iterable[str] = ()) -> None:
        self._kit = Kit(types, tuple(joint_names))

    def encode(self, name: str, signal: Any) -> Any:
        """The message that carries a signal on a topic of the table."""
        return _KINDS[name][0](self._kit, topic(name), signal)

    def decode(self, name: str, message: Any) -> Any:
        """The signal in a message.

        Raises: ValueError with a short reason for a wrong frame or length, or for a value that is not finite.
        """
        return _KINDS[name][1](self._kit, topic(name), message)


_WRENCH: tuple[Encode, Decode] = (vectors.encode_wrench, vectors.decode_wrench)
_STAMP: tuple[Encode, Decode] = (vectors.encode_stamp, vectors.decode_stamp)

_KINDS: dict[str, tuple[Encode, Decode]] = {
    "joint_states": (joints.encode_joints, joints.decode_joints),
    "wrench": _WRENCH,
    "forward_position_controller/commands": (joints.encode_command, joints.decode_command),
    "probe/pose": (vectors.encode_pose, vectors.decode_pose),
    "probe/twist": (vectors.encode_twist, vectors.decode_twist(ProbeTwist)),
    "probe/twist_command": (vectors.encode_twist, vectors.decode_twist(TwistCommand)),
    "contact/wrench": _WRENCH,
    "scan/reference": (paths.encode_reference, paths.decode_reference),
    "scan/force_reference": _WRENCH,
    "motion/goal": (joints.encode_joint_goal, joints.decode_joint_goal),
    "motion/goal_pose": (joints.encode_pose_goal, joints.decode_pose_goal),
    "safety/permit": _STAMP,
    "heartbeat": _STAMP,
    "safety/stop": (vectors.encode_stop, vectors.decode_stop),
    "surface": (clouds.encode_surface, clouds.decode_surface),
    "image": (images.encode_image, images.decode_image),
    "image/compressed": (images.encode_compressed, images.decode_compressed),
    "volume": (clouds.encode_volume, clouds.decode_volume),
    "scan/path": (paths.encode_path, paths.decode_path),
    "scan/markers": (skin.encode_skin, skin.decode_skin),
    "twin/contact_wrench": (truth.encode_true_wrench, truth.decode_true_wrench),
    "twin/probe_pose": truth.true_pose("T_base_probe"),
    "twin/skin_pose": truth.true_pose("T_base_skin"),
    "twin/patient": (truth.encode_patient, truth.decode_patient),
    **{name: (row.encode, row.decode) for name, row in STATUS_ROWS.items()},
}
