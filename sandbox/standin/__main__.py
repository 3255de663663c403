"""`python -m sandbox.standin --port P --folder F --clock FILE --webhook URL --secret whsec_… --key sk_test_…`."""

from __future__ import annotations

import argparse
import signal
import time
from pathlib import Path
from types import FrameType

from sandbox.standin.engine.webhook_deliveries import Deliveries, post
from sandbox.standin.http import server
from sandbox.standin.http.app import App
from sandbox.standin.http.traffic_log import TrafficLog
from sandbox.standin.objects import webhook_endpoints
from sandbox.standin.store.clock import FileClock
from sandbox.standin.store.sqlite import ObjectStore
from sandbox.standin.store.world import World


def main() -> None:
    """Serve until a signal."""
    chosen = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    store = ObjectStore(str(chosen.folder / "standin.sqlite"))
    world = World(store, FileClock(chosen.clock), f"http://{server.HOST}:{chosen.port}")
    app = App(world, chosen.key)
    if chosen.record:
        kept = TrafficLog(chosen.record)
        app.watchers.append(kept.exchange)
        world.watchers.append(kept.event)
    if chosen.webhook:
        webhook_endpoints.ensure(world, chosen.webhook, chosen.secret)
    carrier = Deliveries(world, post, time.time)
    listening = server.serve(chosen.port, app)
    threads = [
        server.run_every(server.TICK_S, world.run_due, app.api.stop, "clock"),
        server.run_every(server.TICK_S, carrier.run, app.api.stop, "webhooks"),
    ]
    try:
        listening.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        app.api.stop.set()
        listening.server_close()
        for thread in threads:
            thread.join(5)
        with world.lock:
            store.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.standin", description="Stand in for Stripe.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the objects are kept")
    parser.add_argument("--clock", type=Path, required=True, help="the file with the business clock's offset")
    parser.add_argument("--webhook", default="", help="where events are sent")
    parser.add_argument("--secret", default="whsec_sandbox", help="what they are signed with")
    parser.add_argument("--key", default=None, help="the only secret key that is taken (default: every test key)")
    parser.add_argument("--record", type=Path, default=None, help="a file that keeps every call, answer and event")
    return parser.parse_args()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
