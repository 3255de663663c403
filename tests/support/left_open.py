"""A file of tests may leave no transaction open: what waits for its locks would fail much later, somewhere else.

A report of a failure lists who was in a transaction on the process's own database.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg
import pytest

PATIENCE = 2.0
"""Seconds: a process or thread that has just been told to end may take as long."""
_IN_TRANSACTION = """
SELECT concat_ws(' | ', pid, state, wait_event, now() - xact_start, left(query, 200)) FROM pg_stat_activity a
WHERE datname = current_database() AND backend_type = 'client backend' AND state <> 'idle'
  AND xact_start < now() - make_interval(secs => %s)
  AND EXISTS (SELECT FROM pg_locks l JOIN pg_stat_user_tables t ON t.relid = l.relation WHERE l.pid = a.pid)
ORDER BY xact_start
"""
_watched: list[str] = []


def watch(url: str) -> None:
    """This is the process's own database."""
    _watched[:] = [url]


def in_transaction(url: str, longer_than: float = 0.0) -> list[str]:
    """A line for each transaction of so many seconds that locks a table: who, in which state, its age and statement."""
    with psycopg.connect(url, autocommit=True) as connection:
        return [line for (line,) in connection.execute(_IN_TRANSACTION, (longer_than,))]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """After the last test of a file: fail for what is still open after all of them have let go."""
    done = yield
    if _watched and nextitem is not None and nextitem.path != item.path and in_transaction(_watched[0]):
        time.sleep(PATIENCE)
        if left := in_transaction(_watched[0], PATIENCE):
            pytest.fail(f"{item.path.name} left transactions open:\n" + "\n".join(left))
    return done


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, Any]:
    """Add who was in a transaction to the report of a failure."""
    report = yield
    if report.failed and _watched and (found := _found()):
        report.sections.append(("in a transaction", "\n".join(found)))
    return report


def _found() -> list[str]:
    try:
        return in_transaction(_watched[0])
    except psycopg.OperationalError as error:  # the database is gone, as it may be after its last test
        return [str(error)]
