"""What an operator does with a cell that is up, and sees: the same steps under the launch system and under `medrobot`."""

from node_process import child_of, children, name_of

from medrobot_ros.config import CellConfig
from medrobot_ros.description import cell_nodes, processes
from medrobot_ros.interfaces import NAMESPACE, topic
from medrobot_ros.nodes.operator import Operator
from medrobot_ros.nodes.stage_node import message_type, qos

SHORT = {"scan.size_m": "[0.04, 0.03]", "scan.speed_m_per_s": "0.02"}
SHORT_FILE = "scan: {size_m: [0.04, 0.03], speed_m_per_s: 0.02, confirmed: true}\n"
PROCESSES = {p.executable: p.nodes for p in processes(CellConfig(), cell_nodes(CellConfig()))}
READY_S, STOP_S, EXAMINATION_S = 60.0, 10.0, 120.0  # waits, not claims: bench/cell.py measures
REST_RAD_PER_S = 1e-3
SILENCED = ("joint_states", "contact force")  # with the hardware; whichever is missed first is the reason


class Operating:
    """An operator in a cell's namespace."""

    def __init__(self, namespace=NAMESPACE):
        self._operator, self._joints, self._said = Operator(namespace), None, {}
        row = topic("joint_states")
        self._operator.node.create_subscription(message_type(row.type), row.name, self._on_joints, qos(row))
        row = topic("/diagnostics")
        self._operator.node.create_subscription(message_type(row.type), row.name, self._on_diagnostics, qos(row))

    def _on_joints(self, message):
        self._joints = message

    def _on_diagnostics(self, message):
        for status in message.status:
            cell, node = status.name.rsplit("/", 1)
            if f"/{cell}" == self._operator.node.get_namespace():
                self._said[node] = {v.key: v.value for v in status.values}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._operator.close()

    def wait(self, done, what):
        """Listens until something is so."""
        self._until(done, READY_S, what)

    def _until(self, done, seconds, what):
        left = seconds
        while not done():
            assert left > 0.0, f"not {what} within {seconds:g} s: {self._operator.heard}"
            self._operator.spin(0.05)
            left -= 0.05

    def _heard(self, topic):
        return self._operator.heard.get(topic)

    def wait_for_node(self, name):
        """Until a node of the cell has been discovered."""
        node = self._operator.node
        self._until(lambda: (name, node.get_namespace()) in node.get_node_names_and_namespaces(), READY_S, f"there: {name}")

    def wait_for_process(self, pid, name):
        """Until a command's cell has a process of this name, and which that is."""
        self._until(lambda: name in map(name_of, children(pid)), READY_S, f"a process: {name}")
        return child_of(pid, name)

    def wait_ready(self):
        """From the start of the processes to a supervisor that permits motion and a planner that waits."""
        self._until(self._operator.ready, READY_S, "ready")

    def examine(self):
        """A whole examination, accepted."""
        self.begin("done")
        assert self._heard("task/state").outcome == "accepted", self._heard("task/state")

    def begin(self, phase=""):
        """Starts an examination and waits for one of its phases, or for the first."""
        granted, why = self._operator.call("task/start")
        assert granted, why
        self._until(lambda: (now := self._heard("task/state").phase) == phase or (now and not phase), EXAMINATION_S, phase or "begun")

    def wait_stopped(self, victims):
        """After a process died with its nodes the supervisor stops the arm; after its own death the missing permit does."""
        if "safety" not in victims:
            self.wait_stopped_by([*victims, *(SILENCED if "hardware" in victims else ())])
        if "hardware" not in victims:
            self._until(self.at_rest, STOP_S, "at rest")

    def wait_stopped_by(self, causes):
        """Until the supervisor has stopped the arm, for one of the causes first."""
        self._until(lambda: self._heard("safety/state").state == "stopped", STOP_S, "stopped")
        reasons = self._heard("safety/state").reasons
        assert any(cause in reason for cause in causes for reason in reasons), reasons

    def at_rest(self):
        """Whether the arm stands still, as far as the last word of it goes."""
        return max(map(abs, self._joints.velocity)) < REST_RAD_PER_S

    def diagnostics(self, node):
        """What a node last said of itself."""
        return self._said.get(node, {})
