"""Connections: what their deadlines end, what is checked before use, and what a process's commands may take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import current_thread

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.factory import create_app
from app.kit.db import engine_options, extend_limits, limit_waits
from app.kit.errors import Unavailable
from app.kit.postgres import connections
from app.kit.postgres.connections import TCP, ConnectionLost, LimitedAsyncConnection, LimitedConnection, connect
from app.kit.postgres.hot_statement import HotStatement
from app.kit.postgres.pool import HotPool
from app.web.database import db
from tests.support.settings import make_settings

SLEEP = HotStatement("SELECT pg_sleep(%s::integer)")
PID = HotStatement("SELECT pg_backend_pid()")
SHORT = timedelta(seconds=0.2)


@pytest.fixture
def pool(database: str) -> Iterator[HotPool]:
    made = HotPool(database, 3)
    yield made
    made.close()


def end(database: str, *pids: int) -> None:
    """End sessions from outside, as a restart does."""
    with psycopg.connect(database) as connection:
        for pid in pids:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_a_wait_ends_at_the_clients_own_deadline(database: str) -> None:
    with connect(database, SHORT) as connection:
        since = time.monotonic()
        with pytest.raises(ConnectionLost):
            connection.execute("SET statement_timeout = 0; SELECT pg_sleep(30)")
        assert time.monotonic() - since < 5
        assert connection.closed


def test_a_call_that_blocks_in_libpq_ends_there_too(pool: HotPool) -> None:
    pool.rows(PID, ())
    pool._watch._limit = 0.2
    since = time.monotonic()
    with pytest.raises(Unavailable):
        pool.rows(SLEEP, (4,))
    assert time.monotonic() - since < 3
    assert pool.rows(PID, ()), "the connection is replaced"


@pytest.mark.slow
def test_a_statement_within_its_limit_is_left_alone(pool: HotPool) -> None:
    pool.rows(PID, ())
    pool._watch._limit = 1.5
    assert pool.rows(SLEEP, (1,)) == [("",)]


def test_a_closed_pool_stays_closed(pool: HotPool) -> None:
    pool.rows(PID, ())
    pool.close()
    with pytest.raises(Unavailable):
        pool.rows(PID, ())


def test_idle_connections_are_checked_and_replaced_together(
    database: str, pool: HotPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pool.connection() as one, pool.connection() as two, pool.connection() as three:
        pids = [each.info.backend_pid for each in (one, two, three)]
    end(database, *pids)
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.0)
    since = time.monotonic()
    assert {pool.rows(PID, ())[0][0] for _ in range(4)}.isdisjoint(pids)
    assert time.monotonic() - since < 1


def test_connections_in_use_are_not_asked_again(pool: HotPool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.rows(PID, ())
    wait, asked = LimitedConnection.wait, []

    def ask(self: LimitedConnection, *arguments: object) -> object:
        asked.append(current_thread())
        return wait(self, *arguments)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(LimitedConnection, "wait", ask)
    assert pool.rows(PID, ())
    assert current_thread() not in asked  # other threads open connections


def test_the_engine_replaces_what_has_died(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = database.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url, **engine_options(SHORT))
    limit_waits(engine, SHORT)
    with engine.connect() as one, engine.connect() as two:
        pids = [each.scalar(text("SELECT pg_backend_pid()")) for each in (one, two)]
    end(database, *map(int, filter(None, pids)))
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.0)
    with engine.connect() as one, engine.connect() as two:
        assert {each.scalar(text("SELECT pg_backend_pid()")) for each in (one, two)}.isdisjoint(pids)
        assert one.scalar(text("SHOW statement_timeout")) == "200ms"
    engine.dispose()


def test_what_is_asked_often_stays_planned_over_transactions_that_end_without_a_commit(database: str) -> None:
    """A page only reads, so its transaction is rolled back; the driver would forget each of its statements then."""
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1), **engine_options(SHORT))
    limit_waits(engine, SHORT)
    for number in range(10):
        with Session(engine) as session:
            assert session.scalar(text("SELECT 41 + CAST(:n AS integer)"), {"n": number}) == 41 + number
            session.execute(text("SET LOCAL lock_timeout = 99"))
    with Session(engine) as session:
        kept = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT 41%'")
        assert session.scalar(kept) == 1
        assert session.scalar(text("SHOW lock_timeout")) == "2s"
    engine.dispose()


def test_a_rollback_on_a_connection_that_has_died_says_so(database: str) -> None:
    with connect(database, SHORT) as connection:
        connection.execute("SELECT 1")
        end(database, connection.info.backend_pid)
        with pytest.raises(psycopg.OperationalError):
            connection.rollback()
        assert connection.closed


@pytest.mark.slow
def test_a_transaction_that_needs_longer_gets_it_at_both_ends_and_the_next_does_not(database: str) -> None:
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1), **engine_options(SHORT))
    limit_waits(engine, SHORT)
    with Session(engine) as session:
        extend_limits(session, timedelta(seconds=20), locks=timedelta(seconds=5))
        assert session.scalar(text("SELECT 1 FROM pg_sleep(1)")) == 1
        assert session.scalar(text("SHOW lock_timeout")) == "5s"
        session.rollback()
        with pytest.raises(OperationalError):
            session.scalar(text("SELECT 1 FROM pg_sleep(1)"))
        session.rollback()
        driver = session.connection().connection.driver_connection
        assert isinstance(driver, LimitedConnection)
        assert driver.longest_wait == 0.7
    engine.dispose()


@pytest.mark.parametrize(("process", "limit"), [("web", "5s"), ("worker", "1min"), ("command", "0")])
def test_each_kind_of_process_has_its_own_statement_limit(database: str, process: str, limit: str) -> None:
    web = make_settings(database)
    app = create_app({"web": web, "worker": web.for_worker(), "command": web.for_command()}[process])
    pool = app.extensions["tollkeeper"].pool
    with app.app_context(), pool.connection() as hot:
        assert hot.execute("SHOW statement_timeout").fetchone() == (limit,)
        assert db.session.scalar(text("SHOW statement_timeout")) == limit
        db.session.remove()
        db.engine.dispose()
    pool.close()


def test_the_queues_waits_end_too_and_those_for_a_notification_in_their_own_time(database: str) -> None:
    async def listen_then_sleep() -> None:
        async with await LimitedAsyncConnection.connect(database, autocommit=True, **TCP) as connection:
            connection.longest_wait = 0.2
            await connection.execute("LISTEN nobody")
            assert [each async for each in connection.notifies(timeout=0.5)] == []
            with pytest.raises(ConnectionLost):
                await connection.execute("SELECT pg_sleep(30)")
            assert connection.closed

    with ThreadPoolExecutor(1) as thread:  # a browser's tests leave a loop running in this one
        thread.submit(lambda: asyncio.run(listen_then_sleep())).result()
