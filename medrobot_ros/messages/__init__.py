"""Signals to ROS messages and back: the one place where wire formats are known.

`Codec` works with any family of message classes that take their fields as keywords: rclpy's in a node, rosbags' in the recorder.
"""

from medrobot_ros.messages.codec import Codec
from medrobot_ros.messages.truth import TRUTH_TOPICS, TruthMerge, TruthPart

__all__ = ["TRUTH_TOPICS", "Codec", "TruthMerge", "TruthPart"]
