"""The process of a cell that a fault of the table is in: `python faulty_node.py 'NAME OF THE FAULT' hardware|relay --ros-args ...`.

As `hardware` it is the hardware node whose arm or patient has the fault. As `relay` it stands between the writers of the altered topic
and its readers, which hear it under `altered/`. SIGUSR1 begins the fault, SIGUSR2 ends it.
"""

import signal
import sys
from time import monotonic_ns

import rclpy
from faults import EACH_TOPIC, FAULTS
from rclpy.node import Node

from medrobot_ros.arms import load_arm
from medrobot_ros.config import CellConfig
from medrobot_ros.interfaces import topic
from medrobot_ros.messages import Codec
from medrobot_ros.nodes.executor import make_executor, run
from medrobot_ros.nodes.hardware import HardwareNode
from medrobot_ros.nodes.realtime import prepare, prioritise
from medrobot_ros.nodes.stage_node import message_type, qos

PRIORITY = 68  # between those whose signals it carries
ALTERED = "altered/"


class FaultyHardware(HardwareNode):
    """The hardware node, whose backend the fault changes."""

    def __init__(self, fault):
        super().__init__()
        signal.signal(signal.SIGUSR1, lambda *_: fault.begin(self))

    @property
    def now_ns(self):
        return self.stage.now_ns

    def hardware(self):
        return self.stage


class Relay(Node):
    """Passes messages on as they are until the fault begins."""

    def __init__(self, fault, name):
        super().__init__("relay")
        self.alter, self.late, self._row = None, [], topic(name)
        joints = load_arm(CellConfig().arm.name, CellConfig().probe.name).joint_names
        self._codec = Codec(message_type, joints)
        kind = message_type(self._row.type)
        self._publisher = self.create_publisher(kind, ALTERED + name, qos(self._row))
        self.create_subscription(kind, name, self._pass, qos(self._row, 10))
        signal.signal(signal.SIGUSR1, lambda *_: fault.begin(self))
        signal.signal(signal.SIGUSR2, lambda *_: setattr(self, "alter", None))

    @property
    def now_ns(self):
        return monotonic_ns()

    def _pass(self, message):
        if self.alter is None:
            self._publisher.publish(message)
        else:
            self._publish(self.alter(self._row.name, self._codec.decode(self._row.name, message)))

    def _publish(self, pairs):
        for name, changed in pairs:
            self._publisher.publish(self._codec.encode(name, changed))

    def be_late(self):
        """Publishes what was held back until now."""
        now_ns = self.now_ns
        self._publish([(name, s) for due_ns, name, s in self.late if due_ns <= now_ns])
        self.late = [x for x in self.late if x[0] > now_ns]


def relay(fault):
    """Carries messages until the process is killed."""
    prepare()
    rclpy.init()
    node, executor = Relay(fault, fault.begin.topic), make_executor()
    executor.add_node(node)
    prioritise(PRIORITY)
    while True:
        executor.spin_once(timeout_sec=0.002)
        node.be_late()


if __name__ == "__main__":
    chosen = next(f for f in (*FAULTS, *EACH_TOPIC) if f.name == sys.argv[1])
    if sys.argv[2] == "hardware":
        sys.exit(run(lambda: FaultyHardware(chosen)))
    relay(chosen)
