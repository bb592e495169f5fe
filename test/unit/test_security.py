"""Every process has an enclave of the policy, and whoever asks something of a node may."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from medrobot_ros.config import CellConfig
from medrobot_ros.description import cell_nodes, enclave, processes
from medrobot_ros.interfaces import NAMESPACE, NODES
from medrobot_ros.security import BESIDE, BRINGUP, OPERATOR, policy, requested


@pytest.mark.parametrize("hardware", ["mock", "ros2_control"])
@pytest.mark.parametrize("together", [True, False])
def test_every_process_belongs_to_an_enclave(hardware, together):
    config = CellConfig()
    config = replace(config, hardware=replace(config.hardware, name=hardware), ros=replace(config.ros, together=together))
    enclaves = {e.get("path") for e in ET.fromstring(policy()).iter("enclave")}
    own = {enclave(p, NAMESPACE)[1] for p in processes(config, cell_nodes(config))}
    assert own <= enclaves and {f"/{NAMESPACE}/{n}" for n in BESIDE} <= enclaves


def test_who_brings_a_cell_up_may_ask_what_that_takes():
    pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")
    from medrobot_ros.nodes.bringup import Bringup

    class Asking:
        def __init__(self):
            self.services = set()

        def create_client(self, kind, name):
            self.services.add(name)

    node = Asking()
    Bringup(node, NODES, lambda seconds: None)
    assert node.services == requested(BRINGUP) and node.services < requested(OPERATOR)
    assert all(requested(n) == set() for n in NODES)
