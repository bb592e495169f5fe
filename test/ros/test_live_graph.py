"""A whole cell's graph against the interface table and the security policy, and two cells that share a network."""

import subprocess
import time
from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (pip install 'medrobot_ros[ros]')")

import rclpy
from node_process import command_line
from rclpy.node import Node

from medrobot_ros import security
from medrobot_ros.config import CellConfig
from medrobot_ros.description import processes, write_parameters
from medrobot_ros.interfaces import NODES, TOGETHER, handed_over, topic
from medrobot_ros.messages import Codec
from medrobot_ros.nodes.bringup import Bringup
from medrobot_ros.nodes.executor import make_executor
from medrobot_ros.nodes.stage_node import message_type, qos

WAIT_S = 60.0
CONFIG = CellConfig()


class Graph:
    """Cells as processes, brought up, and a client that looks at them."""

    def __init__(self, folder):
        rclpy.init()
        self.node, self.executor = Node("onlooker"), make_executor()
        self.executor.add_node(self.node)
        self._folder, self._processes = folder, []

    def spin(self, seconds):
        self.executor.spin_once(timeout_sec=seconds)

    def start(self, namespace, names=NODES, config=CONFIG):
        """Starts nodes of a cell and configures and activates them; safety waits for those that are not there."""
        parameters = self._folder / f"{namespace}.yaml"
        write_parameters(config, parameters)
        for process in processes(config, names):
            line = [*command_line(process.executable, namespace, parameters), "-p", f"recording.out:={self._folder}"]
            self._processes.append(subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        relative = Node("bringup", namespace=namespace)
        self.executor.add_node(relative)
        assert Bringup(relative, names, self.spin).run()
        self.executor.remove_node(relative)
        relative.destroy_node()

    def until(self, done):
        end = time.monotonic() + WAIT_S
        while not done():
            assert time.monotonic() < end, "not within time"
            self.spin(0.05)

    def settled(self, look, expected):
        """What is seen once it is as expected, or in the end: discovery takes its time."""
        end = time.monotonic() + 10.0
        while look() != expected and time.monotonic() < end:
            self.spin(0.05)
        return look()

    def close(self):
        for p in self._processes:
            p.terminate()
        for p in self._processes:
            try:
                p.wait(60)
            finally:
                p.kill()
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def graph(tmp_path):
    g = Graph(tmp_path)
    yield g
    g.close()


def names(found, namespace):
    """Without the cell's namespace."""
    return {n.removeprefix(f"/{namespace}/") for n, _ in found}


@pytest.mark.parametrize("together", [True, False])
def test_the_live_graph_is_the_policys(graph, together):
    graph.start("cell", config=replace(CONFIG, ros=replace(CONFIG.ros, together=together)))
    for node in NODES:
        beside = next((nodes for nodes in TOGETHER.values() if together and node in nodes), ())
        unheard = security.INSTEAD.get(node, set()) | handed_over(node, beside)
        seen = {
            "publishes": (graph.node.get_publisher_names_and_types_by_node, security.published),
            "hears": (graph.node.get_subscriber_names_and_types_by_node, lambda n, unheard=unheard: security.subscribed(n) - unheard),
            "serves": (graph.node.get_service_names_and_types_by_node, security.served),
        }
        for what, (look, allowed) in seen.items():
            found = graph.settled(lambda look=look, node=node: names(look(node, "/cell"), "cell"), allowed(node))
            assert found == allowed(node), f"what {node} {what}"


def test_two_cells_on_one_network_do_not_hear_each_other(graph):
    heard = {"a": set(), "b": set()}
    header = message_type("std_msgs/msg/Header")
    for cell, said in heard.items():
        graph.node.create_subscription(header, f"/{cell}/heartbeat", lambda m, s=said: s.add(m.frame_id), qos(topic("heartbeat")))
    graph.start("a", ("hardware", "kinematics"))
    graph.start("b", ("contact",))
    graph.until(lambda: heard["a"] >= {"hardware", "kinematics"})
    assert "contact" not in heard["a"]
    assert not heard["b"] & {"hardware", "kinematics"}, "contact of b gets no wrench from a's hardware"
    assert graph.node.count_publishers("/b/joint_states") == 0


@pytest.mark.slow
def test_ten_cells_on_one_network_hear_their_own_images_only(graph):
    depths_m = {f"cell_{k}": round(0.06 + 0.01 * k, 2) for k in range(10)}
    heard = {cell: [] for cell in depths_m}
    row = topic("image/geometry")
    for cell, said in heard.items():
        graph.node.create_subscription(message_type(row.type), f"/{cell}/{row.name}", said.append, qos(row))
    for cell, depth_m in depths_m.items():
        graph.start(cell, ("imaging",), replace(CONFIG, imaging=replace(CONFIG.imaging, depth_m=depth_m)))
    graph.until(lambda: all(heard.values()))
    codec = Codec(message_type)
    for cell, said in heard.items():
        assert {codec.decode(row.name, m).depth_m for m in said} == {depths_m[cell]}
        assert graph.node.count_publishers(f"/{cell}/{row.name}") == 1
