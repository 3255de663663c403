"""The HTTP server on loopback, one thread per request, and threads for scheduled work and webhooks."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

HOST = "127.0.0.1"
TICK_S = 0.2


class TolerantHandler(WSGIRequestHandler):
    """Logs no requests and ignores broken connections, which faults cause on purpose."""

    def log_request(self, *_words: Any) -> None:
        """Do nothing."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """Do nothing."""


def serve(port: int, app: Callable[..., Any]) -> BaseWSGIServer:
    """Create a server on `port` (0: any free one, see `.port`); call `serve_forever`."""
    return make_server(HOST, port, app, threaded=True, request_handler=TolerantHandler)


def run_every(seconds: float, work: Callable[[], object], stop: threading.Event, name: str) -> threading.Thread:
    """Call `work` repeatedly in a thread until `stop` is set; exceptions are printed and do not end it."""

    def loop() -> None:
        while not stop.wait(seconds):
            try:
                work()
            except Exception:  # noqa: BLE001  # the traceback is printed; the clock must keep running
                traceback.print_exc()

    thread = threading.Thread(target=loop, name=name, daemon=True)
    thread.start()
    return thread
