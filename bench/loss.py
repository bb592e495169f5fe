"""How late messages are where datagrams are lost: reliable ones and services, with the cell's DDS profile and without what it says of loss.

`python bench/loss.py` prints both. Two processes on the loopback interface throw away a share of what arrives at their sockets, at random.
"""

import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

LOST, RATE_HZ, SECONDS, MEET_S, PATIENCE_S = 0.2, 2.0, 40.0, 4.0, 15.0
SOL_SOCKET, SO_ATTACH_FILTER = 1, 26
LOAD_RANDOM, JUMP_IF_AT_LEAST, RETURN = (0x20, 0xFFFFF000 + 56), 0x35, 0x06  # of the kernel's classic packet filter


def figures() -> dict[str, Any]:
    """Lateness [s] with the cell's profile, and with the same but for what it says of repeating."""
    from medrobot_ros.network import environment

    variables = environment()
    (name,) = (n for n in variables if n.endswith("_DEFAULT_PROFILES_FILE"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "as_ros_has_it.xml")
        tree = ET.parse(variables[name])
        (profiles,) = tree.getroot()
        for writer in profiles.findall("{*}data_writer"):
            profiles.remove(writer)
        ET.register_namespace("", profiles.tag[1:].partition("}")[0])
        tree.write(file)
        return {"the_cell": _lateness(variables), "as_ros_has_it": _lateness({**variables, name: str(file)})}


def _lateness(variables: dict[str, str]) -> dict[str, Any]:
    env = {**os.environ, **variables}
    speaker = subprocess.Popen([sys.executable, __file__, "speak"], env=env)
    try:
        heard = subprocess.run([sys.executable, __file__, "hear"], env=env, capture_output=True, text=True, check=True)
    finally:
        speaker.send_signal(signal.SIGINT)
        speaker.wait()
    return json.loads(heard.stdout)  # type: ignore[no-any-return]


def speak() -> None:
    """Says the time, and answers, until SIGINT."""
    import rclpy
    from std_msgs.msg import Float64
    from std_srvs.srv import Trigger

    node = _met("speaker")
    publisher = node.create_publisher(Float64, "said", 10)
    node.create_service(Trigger, "asked", lambda request, response: response)
    node.create_timer(1.0 / RATE_HZ, lambda: publisher.publish(Float64(data=time.time())))
    _after(node, MEET_S)
    lose(LOST)
    with suppress(KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        rclpy.spin(node)


def hear() -> None:
    """Prints how late what the speaker says is, and how long its answers take."""
    import rclpy
    from std_msgs.msg import Float64
    from std_srvs.srv import Trigger

    node = _met("hearer")
    late: list[float] = []
    answered: list[float] = []
    node.create_subscription(Float64, "said", lambda message: late.append(time.time() - message.data), 10)
    client = node.create_client(Trigger, "asked")
    client.wait_for_service(MEET_S)
    _after(node, MEET_S)
    lose(LOST)
    late.clear()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        asked = time.monotonic()
        rclpy.spin_until_future_complete(node, client.call_async(Trigger.Request()), timeout_sec=PATIENCE_S)
        answered.append(time.monotonic() - asked)
        _after(node, 1.0 / RATE_HZ)
    print(json.dumps({"messages_s": _summary(late), "services_s": _summary(answered)}))


def _met(name: str) -> Any:
    import rclpy

    rclpy.init()
    return rclpy.create_node(name)


def _after(node: Any, seconds: float) -> None:
    import rclpy

    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0.0:
        rclpy.spin_once(node, timeout_sec=left)


def lose(share: float) -> None:
    """Has the kernel throw away this share of the datagrams that reach this process's sockets."""
    rows = LOAD_RANDOM, (JUMP_IF_AT_LEAST, round((1.0 - share) * 0xFFFFFFFF)), (RETURN, 0), (RETURN, 0xFFFFFFFF)
    code = b"".join(struct.pack("HBBI", op, 0, op == JUMP_IF_AT_LEAST, k) for op, k in rows)
    held = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(rows), ctypes.addressof(held))
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:"):
                ctypes.CDLL(None).setsockopt(int(descriptor), SOL_SOCKET, SO_ATTACH_FILTER, program, len(program))


def _summary(seconds: list[float]) -> dict[str, float]:
    return {
        "count": len(seconds), "median": float(np.median(seconds)), "p90": float(np.quantile(seconds, 0.9)), "worst": max(seconds),
    }  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"speak": speak, "hear": hear}[sys.argv[1]]()
    else:
        print(json.dumps(figures(), indent=2))
