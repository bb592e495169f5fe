"""QoS that users may change, as ROS 2 does it: the parameter `qos_overrides./cell/image.publisher.depth`, read when a node is configured.

Depth and reliability only, and never so that two ends no longer match: a publisher may offer more than the table, a subscription ask
for less.
"""

from rcl_interfaces.msg import SetParametersResult
from rclpy.qos import QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from medrobot_ros.interfaces import Topic

_POLICIES = (QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY)


def offer(topic: Topic) -> QoSOverridingOptions:
    """What may be changed of a publisher."""
    return _options(topic, ReliabilityPolicy.BEST_EFFORT if topic.reliable else None, "others hear it reliably")


def request(topic: Topic) -> QoSOverridingOptions:
    """What may be changed of a subscription."""
    return _options(topic, None if topic.reliable else ReliabilityPolicy.RELIABLE, "it is offered as best effort")


def _options(topic: Topic, refused: ReliabilityPolicy | None, why: str) -> QoSOverridingOptions:
    def judge(profile: QoSProfile) -> SetParametersResult:
        if profile.reliability == refused:
            return SetParametersResult(successful=False, reason=f"{topic.name} cannot be {refused.name.lower()}: {why}")
        if profile.depth < 1:
            return SetParametersResult(successful=False, reason=f"{topic.name} needs a depth of 1 or more")
        return SetParametersResult(successful=True)

    return QoSOverridingOptions(_POLICIES, callback=judge)
