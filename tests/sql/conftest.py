"""A connection whose changes are taken back, and rows to call functions on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.support import terms

NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
MONTHS = [datetime(2026, month, 1, tzinfo=UTC) for month in (10, 11, 12)]


class Sql:
    """One transaction on the test database."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.orgs: list[UUID] = []
        self.meters: list[int] = []

    def rows(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        done = self.connection.execute(statement, arguments)
        return done.fetchall() if done.description else []

    def value(self, statement: str, *arguments: Any) -> Any:
        return self.rows(statement, *arguments)[0][0]

    def org(self, zone: str = "UTC") -> UUID:
        """An org whose usage periods are October and November."""
        org_id = uuid4()
        self.rows("INSERT INTO orgs (id, name, time_zone, created_at) VALUES (%s, 'org', %s, now())", org_id, zone)
        for start, end in pairwise(MONTHS):
            self.rows(
                "INSERT INTO usage_periods (org_id, starts_at, ends_at, previous_end, plan_version_id, time_zone,"
                " opened_at) VALUES (%s, %s, %s, %s, %s, %s, now())",
                org_id, start, end, None if start == MONTHS[0] else start, uuid4(), zone,
            )  # fmt: skip
        self.orgs.append(org_id)
        for meter_id in self.meters:
            self._mention_nothing(org_id, meter_id)
        return org_id

    def meter(self, aggregation: str = "sum", dimension: str | None = None) -> tuple[int, str]:
        """A meter of its own: its id and key."""
        key = f"s_{uuid4().hex[:12]}"
        made = self.value(
            "INSERT INTO meters (key, name, unit, aggregation, dimension) VALUES (%s, %s, 'unit', %s, %s) RETURNING id",
            key, key, aggregation, dimension,
        )  # fmt: skip
        self.meters.append(made)
        for org_id in self.orgs:
            self._mention_nothing(org_id, made)
        return made, key

    def limit(self, org_id: UUID, meter_id: int, **limit: Any) -> None:
        """Terms in force in November."""
        self.terms(org_id, meter_id, MONTHS[1], **limit)

    def terms(self, org_id: UUID, meter_id: int, start: datetime, **limit: Any) -> None:
        """Terms in force in the period that starts then; without a limit, those of a meter no plan mentions."""
        given = {"org_id": org_id, "meter_id": meter_id, "period_start": start}
        until = {"valid_until": limit.pop("valid_until", None)}
        self.rows(*_flat(terms.insert("terms_in_force", given | terms.columns(**limit) | until, update=True)))

    def _mention_nothing(self, org_id: UUID, meter_id: int) -> None:
        for start in MONTHS[:2]:
            self.terms(org_id, meter_id, start)

    def insert(self, table: str, **values: Any) -> None:
        names, places = ", ".join(f'"{name}"' for name in values), ", ".join(["%s"] * len(values))
        self.rows(f"INSERT INTO {table} ({names}) VALUES ({places})", *values.values())

    def window(self, org_id: UUID, meter_id: int, span: str, start: datetime, used: Any = 0) -> None:
        """A window that has counted so much."""
        ends_at = start + timedelta(**{f"{span}s": 1})
        given = {"org_id": org_id, "meter_id": meter_id, "span": span, "starts_at": start}
        self.insert("usage_windows", **given, ends_at=ends_at, used=used)

    def event(self, org_id: UUID, meter_id: int, quantity: Any = 1, **values: Any) -> None:
        """A row of usage_events as a write call would leave it."""
        given = {
            "org_id": org_id, "meter_id": meter_id, "quantity": quantity, "occurred_at": NOW, "recorded_at": NOW,
            "key": uuid4(), "event_id": uuid4().hex, "billable": True, "source": "api",
        } | values  # fmt: skip
        self.insert("usage_events", **given)

    def fails(self, code: str, statement: str, *arguments: Any) -> psycopg.Error:
        """Run it, expect the error, and go on as if it had not been run."""
        with pytest.raises(psycopg.Error) as caught, self.connection.transaction():
            self.rows(statement, *arguments)
        assert caught.value.sqlstate == code
        return caught.value


def _flat(made: tuple[str, list[Any]]) -> tuple[Any, ...]:
    return made[0], *made[1]


@pytest.fixture
def sql(database: str) -> Iterator[Sql]:
    with psycopg.connect(database) as connection:
        yield Sql(connection)
        connection.rollback()
