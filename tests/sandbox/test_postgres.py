"""The embedded PostgreSQL, with a cluster of its own: made once, started, stopped, killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from app.settings import PROJECT
from sandbox.postgres import cluster
from sandbox.postgres import server as postgres


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    # Not pytest's own folder: it closes that to the user that the server runs as when we are root.
    with TemporaryDirectory(prefix="tollkeeper-") as folder:
        yield Path(folder) / "postgres"
        postgres.stop(Path(folder) / "postgres")


@pytest.fixture
def running(data: Path) -> Path:
    """The folder, its server up and prepared, whichever test came before."""
    postgres.start(data)
    postgres.prepare(data)
    return data


def one(data: Path, query: str) -> object:
    with psycopg.connect(postgres.url(data)) as connection:
        return connection.execute(query).fetchone()[0]


def kill(data: Path) -> float:
    """kill -9 of the server; returns when."""
    pid = cluster.postmaster(data)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return time.monotonic()


def run(verb: str, data: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "sandbox.postgres", verb, str(data)]
    return subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_a_prepared_server_gives_each_role_its_address_and_the_owner_is_no_superuser(running: Path) -> None:
    postgres.prepare(running)
    postgres.prepare(running)
    addresses = postgres.addresses(running)
    assert list(addresses) == ["OWNER_DATABASE_URL", "DATABASE_URL", "WORKER_DATABASE_URL"]
    with psycopg.connect(addresses["OWNER_DATABASE_URL"]) as connection:
        found = connection.execute("SELECT usename, usesuper FROM pg_user WHERE usename = current_user").fetchone()
    assert found == ("tollkeeper_owner", False)


def test_an_embedded_servers_address_is_told_from_any_other(running: Path) -> None:
    assert all(postgres.is_embedded(address) for address in postgres.addresses(running).values())
    others = ("postgresql://u@h/d", "postgresql://u@/d?host=/var/run/postgresql", "")
    assert not any(postgres.is_embedded(address) for address in others)


def test_the_server_does_not_run_as_root(running: Path) -> None:
    pid = cluster.postmaster(running)
    assert Path(f"/proc/{pid}").stat().st_uid != 0


def test_a_second_start_finds_the_first(running: Path) -> None:
    before = cluster.postmaster(running)
    postgres.start(running)
    assert cluster.postmaster(running) == before


def test_after_a_kill_it_starts_again_within_five_seconds_with_its_data(running: Path) -> None:
    with psycopg.connect(postgres.url(running)) as connection:
        connection.execute("CREATE TABLE kept (a int)")
    began = kill(running)
    postgres.start(running)
    assert one(running, "SELECT count(*) FROM kept") == 0
    assert time.monotonic() - began < 5


def test_what_a_killed_server_left_is_ended_before_the_next_starts(running: Path) -> None:
    with closing(psycopg.connect(postgres.url(running), autocommit=True)) as busy:
        busy.pgconn.send_query(b"SELECT pg_sleep(60)")
        kill(running)
        postgres.start(running)
        server = cluster.postmaster(running)
        parents = {_parent(pid) for pid in cluster.processes(running) if pid != server}
    assert parents <= {server, None}


def test_stop_leaves_no_process_and_may_be_repeated(running: Path) -> None:
    postgres.stop(running)
    assert cluster.processes(running) == []
    postgres.stop(running)


def test_served_in_the_foreground_it_takes_the_place_of_one_started_apart(running: Path) -> None:
    apart = cluster.postmaster(running)
    words = [sys.executable, "-m", "sandbox.postgres", "serve", str(running)]
    child = subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if cluster.postmaster(running) == child.pid:
                break
            time.sleep(0.05)
        prepared = run("prepare", running)
        assert cluster.postmaster(running) == child.pid != apart
        assert [line.partition("=")[0] for line in prepared.stdout.splitlines()] == list(postgres.ROLE_SETTINGS)
    finally:
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0


def test_a_cluster_of_another_release_is_refused_in_words(tmp_path: Path) -> None:
    other = tmp_path / "postgres"
    other.mkdir()
    (other / "PG_VERSION").write_text("9\n", encoding="ascii")
    refused = run("serve", other)
    assert refused.returncode == 1
    assert "was created by PostgreSQL 9" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_wrong_release_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDED_POSTGRES", "/nowhere")
    with pytest.raises(cluster.EmbeddedError, match="18, 16 or a folder"):
        cluster.binaries()


def test_the_command_line_says_how_it_is_used(tmp_path: Path) -> None:
    assert run("dance", tmp_path).returncode == 2


def test_a_deep_folder_gets_a_short_socket_path(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 100)
    assert len(str(cluster.socket_folder(deep))) < 90
    assert cluster.socket_folder(Path("/srv/data")) == Path("/srv/data")


def _parent(pid: int) -> int | None:
    """Its parent, or None when it has just ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return None
