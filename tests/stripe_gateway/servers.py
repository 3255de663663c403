"""Small servers on loopback that behave badly in one way each; they remember what they were asked."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

KEY = "sk_test_canary4eC39HqLyjWDarjtT1zdp7dc"
Reply = Callable[[socket.socket], None]


@dataclass
class Asked:
    """A request as it arrived."""

    line: str
    headers: dict[str, str]
    body: str


@dataclass
class Server:
    """Answers with the replies in turn; the last one again and again."""

    replies: list[Reply]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    def then(self, *replies: Reply) -> None:
        self.replies = list(replies)


@contextmanager
def serving(*replies: Reply) -> Iterator[Server]:
    """A server on a free port, as long as the block runs."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(list(replies), f"http://127.0.0.1:{listening.getsockname()[1]}")
    held: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            held.append(connection)
            threading.Thread(target=_talk, args=(server, connection), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(2)
        for each in held:
            each.close()


def answer(status: int, body: Any, **headers: str) -> Reply:
    """A whole answer; `body` as JSON, or bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def reply(connection: socket.socket) -> None:
        connection.sendall(_head(status, len(raw), headers) + raw)

    return reply


def error(status: int, kind: str = "invalid_request_error", **facts: Any) -> Reply:
    """An answer in the form of Stripe's errors."""
    headers = facts.pop("headers", {})
    return answer(status, {"error": {"type": kind, **facts}}, **{"Request-Id": "req_1", **headers})


def silent(connection: socket.socket) -> None:
    """Takes the request and says nothing for longer than a page of these tests waits."""
    time.sleep(2.5)


def reset(connection: socket.socket) -> None:
    """Breaks the connection off hard."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionAbortedError


def half(connection: socket.socket) -> None:
    """Ends in the middle of its answer."""
    connection.sendall(_head(200, 1000, {}) + b'{"object": "customer", ')
    raise ConnectionAbortedError


def drip(connection: socket.socket) -> None:
    """Sends its headers a byte each tenth of a second: never silent, never done."""
    try:
        for byte in _head(200, 1000, {}):
            connection.sendall(bytes([byte]))
            time.sleep(0.1)
    except OSError:
        pass


def after(seconds: float, then: Reply) -> Reply:
    """The same, later."""

    def reply(connection: socket.socket) -> None:
        time.sleep(seconds)
        then(connection)

    return reply


def _head(status: int, length: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {length}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _talk(server: Server, connection: socket.socket) -> None:
    try:
        with connection, connection.makefile("rb") as stream:
            while (asked := _read(stream)) is not None:
                server.asked.append(asked)
                reply = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
                reply(connection)
    except (OSError, ValueError):
        pass


def _read(stream: Any) -> Asked | None:
    line = stream.readline().decode().strip()
    if not line:
        return None
    headers = {}
    while words := stream.readline().decode().strip():
        name, _, value = words.partition(":")
        headers[name.lower()] = value.strip()
    return Asked(line, headers, stream.read(int(headers.get("content-length", 0))).decode())
