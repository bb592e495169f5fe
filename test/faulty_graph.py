"""A cell's processes over ROS 2 that can have the faults of the table, and those that only a graph can have.

`PYTHONPATH=test python -m faulty_graph [PART OF A FAULT'S NAME] [PHASE ...]` prints the table; a case takes about half a minute.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from fault_outcome import COMMANDS, HEADER, WORKING, latched, measured, row
from faults import EACH_TOPIC, FAULTS, PHASES, Altered, Fault, Frozen, InHardware, Killed, Said
from node_process import command_line

from medrobot_ros.config import CellConfig
from medrobot_ros.description import cell_nodes, processes, start_order, write_parameters
from medrobot_ros.interfaces import NAMESPACE, TOGETHER, handed_over, topic
from medrobot_ros.messages import Codec, TruthPart
from medrobot_ros.network import environment
from medrobot_ros.nodes.bringup import Bringup
from medrobot_ros.nodes.operator import Operator
from medrobot_ros.nodes.realtime import SteadyClock
from medrobot_ros.nodes.stage_node import message_type, qos
from medrobot_ros.recording.reader import Run
from medrobot_ros.recording.writer import new_run
from medrobot_ros.signals import JointCommand

HEARD = ("twin/contact_wrench", "twin/probe_pose", COMMANDS, "safety/state", "task/state", "events")
QUEUE = 2000  # messages that may wait while this process does not run
PART = str(Path(__file__).with_name("faulty_node.py"))
READY_S, PHASE_S, RESET_S, END_S = 30.0, 90.0, 10.0, 10.0
FORGOTTEN_S = 40.0  # twice the time after which the middleware forgets a participant that has died
SHORT = replace(CellConfig(), scan=replace(CellConfig().scan, size_m=(0.04, 0.03), speed_m_per_s=0.02))


def second_publisher(graph):
    graph.rival = graph.operator.node.create_publisher(message_type(topic(COMMANDS).type), COMMANDS, qos(topic(COMMANDS)))


def load_on_every_core(graph):
    graph.load = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]


SHARED = tuple(
    fault
    for process in TOGETHER
    for fault in (Fault(f"process {process} killed", "stop", Killed(process)), Fault(f"process {process} freezes", "stop", Frozen(process)))
)
ONLY_GRAPH = (
    *SHARED,
    Fault("recorder killed", "retreat", Killed("recorder"), False),
    Fault("recorder freezes", "retreat", Frozen("recorder"), False),
    Fault("two publishers of commands", "stop", second_publisher, False),
    Fault("load on every core", "any", load_on_every_core),
)
GRAPH_FAULTS = (*FAULTS, *ONLY_GRAPH, *EACH_TOPIC)


class FaultyGraph:
    """The processes of one cell, one of them faulty, and an operator who hears what they say."""

    def __init__(self, fault: Fault, folder: Path, config: CellConfig = SHORT) -> None:
        self.fault, self._folder = fault, new_run(folder, "fault", config)
        own = replace(config.ros, together=not self._needs_processes())
        self._config = replace(config, ros=own, recording=replace(config.recording, folder=str(self._folder)))
        self._parameters = folder / "parameters.yaml"
        write_parameters(self._config, self._parameters)
        self._env = {**os.environ, **environment(), "PYTHONPATH": os.pathsep.join(sys.path)}
        self._log = (folder / "log.txt").open("ab")
        self._clock, self.heard = SteadyClock(), []
        self.rival, self.load, self._frozen = None, [], []
        self.operator = Operator()
        self._codec = Codec(message_type)
        if isinstance(fault.begin, Said):
            row = topic(fault.begin.topic)
            self._speaker = self.operator.node.create_publisher(message_type(row.type), row.name, qos(row))
        for name in HEARD:
            t = topic(name)
            self.operator.node.create_subscription(message_type(t.type), name, self._hear(name), qos(t, QUEUE))
        self._served_by = {n: p for p in processes(self._config, cell_nodes(config)) for n in p.nodes}
        self._served_by |= {p.executable: p for p in self._served_by.values()}
        self._processes = {p: self._start(self._line(p)) for p in dict.fromkeys(self._served_by.values())}
        if isinstance(fault.begin, Altered):
            self._processes["relay"] = self._start([sys.executable, PART, fault.name, "relay", "--ros-args", "-r", f"__ns:=/{NAMESPACE}"])

    def _needs_processes(self):
        """Whether the fault is one of a node that shares a process, or of a signal that would not leave it."""
        begin, sharing = self.fault.begin, [n for nodes in TOGETHER.values() for n in nodes]
        altered = begin.topic if isinstance(begin, Altered) else ""
        return getattr(begin, "node", "") in sharing or any(altered in handed_over(n, sharing) for n in sharing)

    # --- processes ----------------------------------------------------------------------------------------------------

    def _line(self, process):
        line, begin = command_line(process.executable, NAMESPACE, self._parameters), self.fault.begin
        if isinstance(begin, InHardware) and process.executable == "hardware":
            line = [sys.executable, PART, self.fault.name, "hardware", *line[line.index("--ros-args") :]]
        if isinstance(begin, Altered) and set(process.nodes) & set(topic(begin.topic).readers):
            line += ["-r", f"{begin.topic}:=altered/{begin.topic}"]
        return line

    def _start(self, line):
        return subprocess.Popen(line, env=self._env, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT)

    def kill(self, node):
        """A node's process ends at once."""
        self.send(node, signal.SIGKILL)

    def say(self, name, said):
        """Somebody outside says something."""
        self._speaker.publish(self._codec.encode(name, said))

    def send(self, name, number):
        self._processes[self._served_by.get(name, name)].send_signal(number)

    @property
    def frozen(self):
        return self

    def add(self, node):
        """Freezes a node."""
        self._frozen.append(node)
        self.send(node, signal.SIGSTOP)

    # --- what is heard ------------------------------------------------------------------------------------------------

    def _hear(self, name):
        def hear(message):
            if name == COMMANDS:  # as it is: the codec would refuse one that is not finite
                self.heard.append((self._clock.now_ns(), name, JointCommand(0, np.array(message.data))))
                return
            signal = self._codec.decode(name, message)
            said = next(iter(signal.values.values())) if isinstance(signal, TruthPart) else signal
            self.heard.append((signal.stamp_ns, name, said))  # this process may hear late

        return hear

    @property
    def task(self):
        return self.operator.heard.get("task/state")

    def run(self, seconds):
        """What is heard in a while."""
        self.heard.clear()
        self.operator.spin(seconds)
        return list(self.heard)

    def until(self, done, seconds):
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            self.operator.spin(0.01)
        return done()

    # --- a case -------------------------------------------------------------------------------------------------------

    def to_phase(self, phase):
        """Starts the examination and waits until it is in a phase, and a little into it."""
        assert Bringup(self.operator.node, start_order(self._config), self.operator.spin).run()
        assert self.until(self.operator.ready, READY_S), "not ready"
        granted, why = self.operator.call("task/start")
        assert granted, why
        assert self.until(lambda: self.task.phase == phase, PHASE_S), f"no phase {phase}: {self.task}"
        self.operator.spin(0.1 if phase == "retreat" else 0.6)
        return self

    def outcome(self, seconds=4.0):
        """Has the fault, ends it, and asks for the reset."""
        self.heard.clear()
        began_ns = self._clock.now_ns()
        self._begin()
        self.operator.spin(seconds)
        outcome = measured([x for x in self.heard if x[0] >= began_ns], began_ns)
        self._end()
        heard = self.run(0.5)
        outcome.latched = bool(outcome.states) and latched(heard)
        outcome.recovered = self._recovers()
        return outcome

    def _begin(self):
        if "relay" in self._processes:
            self.send("relay", signal.SIGUSR1)
        elif isinstance(self.fault.begin, InHardware):
            self.send("hardware", signal.SIGUSR1)
        else:
            self.fault.begin(self)

    def _end(self):
        if "relay" in self._processes:
            self.send("relay", signal.SIGUSR2)
        for node in self._frozen:
            self.send(node, signal.SIGCONT)
        if self.rival is not None:
            self.operator.node.destroy_publisher(self.rival)
        for process in self.load:
            process.kill()
            process.wait()
        if isinstance(self.fault.begin, Killed):
            self._restart(self.fault.begin.node)

    def _restart(self, name):
        process = self._served_by[name]
        self._processes[process].wait()
        if name == "recorder":  # a second record beside the one that broke off
            write_parameters(replace(self._config, recording=replace(self._config.recording, folder=f"{self._folder}-2")), self._parameters)
        gone = {(n, f"/{NAMESPACE}") for n in process.nodes}
        assert self.until(lambda: not gone & {*self.operator.node.get_node_names_and_namespaces()}, FORGOTTEN_S), "still discovered"
        self._processes[process] = self._start(self._line(process))
        assert Bringup(self.operator.node, process.nodes, self.operator.spin).run()

    def _recovers(self):
        """Whether a person's reset, and resume or a new start, let the cell go on."""
        self.operator.spin(0.7)
        if self.operator.heard["safety/state"].state != "ok":
            end = time.monotonic() + RESET_S
            while not self.operator.call("safety/reset")[0]:
                if time.monotonic() > end:
                    return False
                self.operator.spin(0.2)
            self.operator.spin(0.3)
        if self.task.mode not in WORKING:
            self.operator.call("task/start" if self.task.mode == "idle" else "task/resume")
        return self.until(lambda: self.task.mode in WORKING, 2.0)

    def close(self):
        """Ends every process; whether the record can be read and holds the fault's time."""
        self._processes.pop("relay").kill() if "relay" in self._processes else None
        for number in (signal.SIGCONT, signal.SIGTERM):
            for process in self._processes.values():
                process.send_signal(number)
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
            process.kill()
            process.wait()
        self.operator.close()
        self._log.close()
        return bool(len(Run(self._folder).raw("twin/probe_pose")[0]))


def case(fault: Fault, phase: str):
    """A cell of its own for one fault in one phase. The outcome, and whether the record is complete."""
    with tempfile.TemporaryDirectory() as folder:
        graph = FaultyGraph(fault, Path(folder))
        try:
            outcome = graph.to_phase(phase).outcome()
        finally:
            complete = graph.close()
        return outcome, complete


if __name__ == "__main__":
    os.environ.update(environment(), ROS_DOMAIN_ID=os.environ.get("ROS_DOMAIN_ID", str(1 + os.getpid() % 99)))
    wanted = [w for w in sys.argv[1:] if w not in PHASES]
    print(HEADER)
    for fault in GRAPH_FAULTS:
        if not wanted or any(w in fault.name for w in wanted):
            for phase in [p for p in PHASES if p in sys.argv] or PHASES:
                outcome, complete = case(fault, phase)
                print(row(fault.name, phase, outcome), "record complete" if complete else "RECORD INCOMPLETE", flush=True)
