"""`python -m sandbox.standin --port P --folder F --clock FILE --webhook URL`.

STRIPE_WEBHOOK_SECRETS (default: whsec_sandbox) signs the events; only STRIPE_SECRET_KEY is accepted as a key (default:
any test key). Both come from the environment: everybody on the machine can read a command line.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import time
from pathlib import Path
from types import FrameType

from sandbox.private_folder import make_private
from sandbox.standin.engine.webhook_deliveries import Deliveries, post
from sandbox.standin.http import server
from sandbox.standin.http.app import App
from sandbox.standin.http.traffic_log import TrafficLog
from sandbox.standin.objects import webhook_endpoints
from sandbox.standin.store.clock import FileClock
from sandbox.standin.store.sqlite import ObjectStore
from sandbox.standin.store.world import World


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    arguments = _parse_arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    make_private(arguments.folder)
    store = ObjectStore(str(arguments.folder / "standin.sqlite"))
    world = World(
        store, FileClock(arguments.clock, tuple(shlex.split(arguments.mover))), f"http://{server.HOST}:{arguments.port}"
    )
    app = App(world, os.environ.get("STRIPE_SECRET_KEY") or None)
    if arguments.record:
        traffic = TrafficLog(arguments.record)
        app.watchers.append(traffic.exchange)
        world.watchers.append(traffic.event)
    if arguments.webhook:
        secret = os.environ.get("STRIPE_WEBHOOK_SECRETS") or "whsec_sandbox"
        webhook_endpoints.ensure(world, arguments.webhook, secret)
    deliveries = Deliveries(world, post, time.time)
    http_server = server.serve(arguments.port, app)
    threads = [
        server.run_every(server.TICK_S, world.run_due, app.api.stop, "clock"),
        server.run_every(server.TICK_S, deliveries.run, app.api.stop, "webhooks"),
    ]
    try:
        http_server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        app.api.stop.set()
        http_server.server_close()
        for thread in threads:
            thread.join(5)
        with world.lock:
            store.close()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.standin", description="Stand in for Stripe.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="folder for the objects")
    parser.add_argument("--clock", type=Path, required=True, help="file with the business clock's offset")
    parser.add_argument("--mover", default="", help="command that moves the clock by the span it is given")
    parser.add_argument("--webhook", default="", help="URL to send events to")
    parser.add_argument("--record", type=Path, default=None, help="file to record every call, answer and event in")
    return parser.parse_args()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
