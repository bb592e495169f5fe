"""The processes that a launch system starts, forked from one that has loaded what they share, as those of `medrobot` are.

The launch system keeps a process of its own for each: that one hands its arguments and its output to the forked one, passes signals on
to it, ends as it ends, and takes it along where it is killed.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from medrobot_ros.nodes import entry

STANDARD = (0, 1, 2)  # input, output, errors
ASK_S = 0.02  # between attempts to reach a server that does not listen yet
MESSAGE = 1 << 16  # bytes, at most


def fork(executable: str) -> int:
    """Has the server that this process's arguments name fork an executable, and stands for it to its end; returns its exit status."""
    at = sys.argv.index(entry.FORKED_BY)
    request = [executable, *sys.argv[1:at], *sys.argv[at + 2 :]]
    with _socket(Path(sys.argv[at + 1])) as (server, address):
        while server.connect_ex(address):
            time.sleep(ASK_S)
        socket.send_fds(server, [json.dumps(request).encode()], STANDARD)
        pid = _answer(server)
        if pid is not None:
            _on_ending(lambda number, _: _pass_on(pid, number))
        status = _answer(server)
    _on_ending(signal.SIG_IGN)
    if status is not None and status < 0:
        with suppress(OSError):  # SIGKILL has no other
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return 1 if status is None else status


def _answer(server: socket.socket) -> int | None:
    """What the server says: the forked process's id, then its exit status; None where it has ended."""
    with suppress(ConnectionResetError):
        if said := server.recv(MESSAGE):
            return int(said)
    return None


def _on_ending(handler: Any) -> None:
    for number in entry.ENDING:
        signal.signal(number, handler)


def serve(folder: Path, parameters: Path) -> None:
    """Loads what the nodes of these parameters share, then forks whatever asks in this folder, until it and they are ended."""
    from medrobot_ros.nodes.processes import load
    from medrobot_ros.options import cell_config

    with _socket(folder) as (listener, address):
        listener.bind(address)
        listener.listen()
        load(cell_config({}, parameters))
        _Server(listener).run()


class _Server:
    def __init__(self, listener: socket.socket) -> None:
        self._listener, self._ending = listener, False
        self._forked: dict[int, tuple[Any, socket.socket]] = {}
        _on_ending(self._end)

    def _end(self, number: int, *_: Any) -> None:
        """It lives as long as they do, to say how they have ended."""
        self._ending = True
        for process, _ in self._forked.values():
            _pass_on(process.pid, number)
        if not self._forked:
            os._exit(0)

    def run(self) -> None:
        from multiprocessing.connection import wait

        while self._forked or not self._ending:
            for ready in wait([self._listener, *self._forked]):
                if isinstance(ready, int):
                    _report(*self._forked.pop(ready))
                else:
                    self._accept()

    def _accept(self) -> None:
        from medrobot_ros.nodes.processes import FORK, signals_held

        asker, _ = self._listener.accept()
        request, standard, *_ = socket.recv_fds(asker, MESSAGE, len(STANDARD))
        if request:
            others = [self._listener, *(other for _, other in self._forked.values())]
            process = FORK.Process(target=_run, args=(asker, standard, others, json.loads(request)))
            with signals_held():
                process.start()
                self._forked[process.sentinel] = process, asker
        for descriptor in standard:
            os.close(descriptor)


def _report(process: Any, asker: socket.socket) -> None:
    """How a forked process has ended."""
    process.join()
    with suppress(BrokenPipeError):
        asker.send(str(process.exitcode).encode())
    asker.close()


def _run(asker: socket.socket, standard: Sequence[int], others: Sequence[socket.socket], request: Sequence[str]) -> None:
    """The forked process."""
    from threading import Thread

    for other in others:
        other.close()
    for own, given in zip(STANDARD, standard, strict=True):
        os.dup2(given, own)
        os.close(given)
    Thread(target=_end_with, args=(asker,), daemon=True).start()
    with suppress(BrokenPipeError):
        asker.send(str(os.getpid()).encode())
    sys.argv = list(request)
    sys.exit(getattr(entry, request[0])())


def _end_with(asker: socket.socket) -> None:
    """Ends this process as abruptly as the one that stands for it has ended."""
    asker.recv(MESSAGE)
    os.kill(os.getpid(), signal.SIGKILL)


def _pass_on(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@contextmanager
def _socket(folder: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket, and the server's address in a folder: through a descriptor, since that of a long path would not fit."""
    descriptor = os.open(folder, os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as made:
            yield made, f"/proc/self/fd/{descriptor}/forkserver"
    finally:
        os.close(descriptor)
