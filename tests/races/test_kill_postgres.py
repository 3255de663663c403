"""kill -9 of every process of PostgreSQL under load: what was acknowledged is there, once, and the counter agrees."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from uuid import UUID, uuid4

import pytest
from flask_migrate import upgrade

from app.kit.errors import Unavailable
from app.kit.postgres.pool import HotPool
from sandbox.postgres import server as postgres
from tests.metering.world import World, event
from tests.support.database import migrator, run_as_admin

WRITERS = 8
ROUNDS = 3


def kill_all(data: Path) -> None:
    """SIGKILL the server and each of its children at the same moment; only processes of this cluster."""
    main = int((data / "postmaster.pid").read_text().splitlines()[0])
    family = [main, *(pid for pid in _everyone() if _parent(pid) == main)]
    for pid in family:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for _ in range(200):
        if not any(_runs(pid) for pid in family):
            return
        time.sleep(0.02)
    raise AssertionError("some process of PostgreSQL outlived SIGKILL")


def _everyone() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Writer(Thread):
    """Sends events one after another, a batch now and then; repeats what was not acknowledged with the same id."""

    def __init__(self, world: World, org: UUID, stop: Event) -> None:
        super().__init__()
        self.world, self.org, self.stop = world, org, stop
        self.acknowledged: list[str] = []
        self.longest_away = 0.0

    def run(self) -> None:
        while not self.stop.is_set():
            size = 5 if len(self.acknowledged) % 7 == 0 else 1
            ids = [str(uuid4()) for _ in range(size)]
            self._send(ids)
            self.acknowledged += ids

    def _send(self, ids: list[str]) -> None:
        since = time.monotonic()
        while True:
            try:
                if len(ids) > 1:
                    done = self.world.many(self.org, [event(id=each) for each in ids])
                    assert done.recorded + done.duplicates == len(ids)
                else:
                    assert self.world.one(self.org, event(id=ids[0])).code in {"recorded", "duplicate"}
            except Unavailable:
                time.sleep(0.02)
            else:
                self.longest_away = max(self.longest_away, time.monotonic() - since)
                return


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("standby", [False, True], ids=["durable", "plain"])
def test_acknowledged_events_survive_kill_9_of_postgresql_once_each(own_server: Path, standby: bool) -> None:
    name = f"kill_{uuid4().hex[:8]}"
    run_as_admin(own_server, f"CREATE DATABASE {name}")
    url = postgres.url(own_server, name)
    with migrator(url).app_context():
        upgrade()
    world = World(url, HotPool(url, WRITERS), standby=standby)
    org, stop = world.org(t_sum={"allowance": 10**9}), Event()
    writers = [Writer(world, org, stop) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    for _ in range(ROUNDS):
        time.sleep(2)
        kill_all(own_server)
        postgres.start(own_server)
    time.sleep(1)
    stop.set()
    for writer in writers:
        writer.join()
    sent = [each for writer in writers for each in writer.acknowledged]
    stored = {str(row[0]) for row in world.run("SELECT event_id FROM usage_events WHERE org_id = %s", (org,))}
    assert len(sent) > 500
    assert set(sent) - stored == set()
    assert world.events(org) == len(stored) == world.used(org)
    assert max(writer.longest_away for writer in writers) < 5 + 2
    world.books_agree(org)
    world.pool.close()
