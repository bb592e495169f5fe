"""Nodes of the cell as processes, and a client that drives the lifecycle of one and counts what it publishes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node

from medrobot_ros.description import ros_arguments
from medrobot_ros.interfaces import TOPICS
from medrobot_ros.nodes.executor import make_executor
from medrobot_ros.nodes.stage_node import message_type, qos

WAIT_S, AGAIN_S = 60.0, 1.0
CONFIGURE, ACTIVATE, DEACTIVATE, CLEANUP = (
    getattr(Transition, f"TRANSITION_{t}") for t in ("CONFIGURE", "ACTIVATE", "DEACTIVATE", "CLEANUP")
)


def command_line(executable, namespace, *files):
    """One of the cell's processes with an interpreter of its own."""
    return [sys.executable, "-m", "medrobot_ros.nodes.entry", executable, *ros_arguments(namespace, *files)]


def children(pid):
    """The processes that a command has started."""
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def name_of(pid):
    """What a process calls itself."""
    return Path(f"/proc/{pid}/comm").read_text().strip()


def child_of(pid, name):
    """The process of a command's cell that has this name."""
    (child,) = (p for p in children(pid) if name_of(p) == name)
    return child


def state_of(pid):
    """What Linux says of a process: `T` stopped, `Z` ended but not waited for (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def gone(pid):
    """Whether a process has ended."""
    try:
        return state_of(pid) == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Watcher:
    """`parameters` and a file of them go to the node; `executable` is another one than the node's name."""

    def __init__(self, name, executable="", params_file=None, **parameters):
        self.name = name
        rclpy.init()
        self.node = Node("watcher", namespace="cell")
        self.executor = make_executor()
        self.executor.add_node(self.node)
        self.heard, self.clients, self.met = {}, {}, False
        for kind, service in ((GetState, "get_state"), (ChangeState, "change_state"), (SetParameters, "set_parameters")):
            self._client(kind, service)
        for t in TOPICS:
            if name in t.writers and not t.name.startswith("/"):
                self.node.create_subscription(message_type(t.type), t.name, lambda m, n=t.name: self._count(n, m), qos(t))
        line = command_line(executable or name, "cell", *([params_file] if params_file else []))
        for key, value in parameters.items():
            line += ["-p", f"{key.replace('__', '.')}:={value}"]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def _count(self, name, message):
        self.heard.setdefault(name, []).append(message)

    def until(self, done):
        end = time.monotonic() + WAIT_S
        while not done():
            assert time.monotonic() < end and self.process.poll() is None, "not within time"
            self.executor.spin_once(timeout_sec=0.05)

    def listen(self, seconds):
        """What is published in a while."""
        self.heard.clear()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.05)
        return self.heard

    def call(self, kind, name, request):
        if not self.met:
            self._meet()
        client = self._client(kind, name)
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)
        return future.result()

    def _client(self, kind, name):
        if name not in self.clients:
            self.clients[name] = self.node.create_client(kind, f"{self.name}/{name}")
        return self.clients[name]

    def _meet(self):
        """The first answer to a client that the node has not discovered to the end may be lost: its state is asked for until it comes."""
        getter = self._client(GetState, "get_state")
        self.until(getter.service_is_ready)
        asked = []

        def answered():
            if not asked or time.monotonic() > asked[-1][0] + AGAIN_S:
                asked.append((time.monotonic(), getter.call_async(GetState.Request())))
            return any(future.done() for _, future in asked)

        self.until(answered)
        self.met = True

    def change(self, transition):
        request = ChangeState.Request()
        request.transition.id = transition
        return self.call(ChangeState, "change_state", request).success

    def state(self):
        return self.call(GetState, "get_state", GetState.Request()).current_state.id

    def set(self, name, value):
        parameter = Parameter(name=name, value=ParameterValue(type=3, double_value=value))
        return self.call(SetParameters, "set_parameters", SetParameters.Request(parameters=[parameter])).results[0]

    def close(self):
        """Ends the process as Ctrl-C does; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            status = self.process.wait(20)
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.executor.shutdown()
            self.node.destroy_node()
            rclpy.try_shutdown()
        return status
