"""Faults of a database that its clients cannot see: a frozen server, and a way to it that stops forwarding."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from sandbox.postgres.cluster import postmaster


@contextmanager
def frozen(data: Path) -> Iterator[None]:
    """Stop every process of the server in `data`, as a machine without memory or a paused container does."""
    parent = postmaster(data)
    assert parent is not None
    stopped: list[int] = []
    try:
        os.kill(parent, signal.SIGSTOP)  # first: it starts no more
        stopped.append(parent)
        for pid in _children(parent):
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
        yield
    finally:
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


class Relay:
    """A TCP port in front of a unix socket. While `cut`, it takes bytes and connections, and passes nothing on."""

    def __init__(self, target: Path) -> None:
        self.cut = Event()
        self._target = str(target)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ended = Event()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the port and every connection."""
        self._ended.set()
        self._thread.join()
        for end in (self._listener, *self._pairs):
            end.close()

    def _run(self) -> None:
        while not self._ended.wait(0.05 if self.cut.is_set() else 0):
            if self.cut.is_set():
                continue
            for ready in select.select([self._listener, *self._pairs], [], [], 0.05)[0]:
                self._accept() if ready is self._listener else self._forward(ready)

    def _accept(self) -> None:
        client, server = self._listener.accept()[0], socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        self._pairs |= {client: server, server: client}

    def _forward(self, source: socket.socket) -> None:
        if source not in self._pairs:
            return  # closed together with the other end
        try:
            data = source.recv(65_536)
            if data:
                self._pairs[source].sendall(data)
                return
        except OSError:
            pass
        for end in (self._pairs.pop(source), source):
            self._pairs.pop(end, None)
            end.close()


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(entry.name))
    return found
