"""The HTTP server on loopback, a thread per request, and the threads for scheduled work and webhooks."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

HOST = "127.0.0.1"
TICK_S = 0.2


class TolerantHandler(WSGIRequestHandler):
    """Writes no line for a request."""

    def log_request(self, *_words: Any) -> None:
        """Nothing."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """Nothing: connections are broken on purpose here."""


def serve(port: int, app: Callable[..., Any]) -> BaseWSGIServer:
    """A server that listens on `port` (0: any free one, see `.port`); call `serve_forever`."""
    return make_server(HOST, port, app, threaded=True, request_handler=TolerantHandler)


def run_every(seconds: float, work: Callable[[], object], stop: threading.Event, name: str) -> threading.Thread:
    """Call `work` again and again in a thread until `stop` is set; a failure is printed and does not end it."""

    def loop() -> None:
        while not stop.wait(seconds):
            try:
                work()
            except Exception:  # noqa: BLE001  # the console has the reason; the clock must go on
                traceback.print_exc()

    thread = threading.Thread(target=loop, name=name, daemon=True)
    thread.start()
    return thread
