"""The world with its roll-ups: folds them, reads them through the product's queries, and recounts in plain Python."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from app.kit import db
from app.metering import queries
from app.metering.recording.batch import BatchOutcome, BatchTerms, record_batch
from app.metering.rollups.fold import FoldStep, fold_rollups
from app.metering.schemas import ABSENT, Event
from app.metering.verification import verify
from tests.metering.world import METERS, MONTHS, NOW, World
from tests.support.roles import as_app

FIRST, LAST = date(2026, 9, 1), date(2026, 12, 31)


@dataclass
class Books(World):
    """A world whose roll-ups the test folds itself."""

    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.engine = create_engine(as_app(self.url).replace("postgresql://", "postgresql+psycopg://", 1))

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with Session(self.engine) as session, db.transaction(session):
            yield session

    def fold(self, max_rows: int = 100_000) -> int:
        """Fold until all that is committed now is folded; returns the events folded.

        A write transaction of any database of the cluster holds the watermark back: other tests' end soon.
        """
        mark = self.run("SELECT pg_current_xact_id()::text::bigint")[0][0]
        folded, until = 0, time.monotonic() + 60
        while time.monotonic() < until:
            step = self.step(max_rows)
            folded += step.events
            if not step.more and self.run("SELECT upto FROM rollup_state WHERE name = 'orgs'")[0][0] > mark:
                return folded
            time.sleep(0 if step.more else 0.02)
        raise AssertionError("the watermark was held back for a minute")

    def step(self, max_rows: int = 100_000) -> FoldStep:
        """One step."""
        with self.transaction() as session:
            return fold_rollups(session, NOW, max_rows=max_rows)

    def imported(self, org_id: UUID, events: list[Event], *, bill: bool = False) -> BatchOutcome:
        """Record past usage as an import does."""
        terms = BatchTerms("import", billable=bill, limited=False, oldest=datetime(2026, 9, 1, tzinfo=NOW.tzinfo))
        return record_batch(self.recorder, org_id, events, key_id=None, now=NOW, terms=terms)

    def cut(self, session: Session, org_id: UUID, at: datetime) -> None:
        """Cut November in two, as a change of plan does."""
        connection = session.connection().connection.driver_connection
        assert isinstance(connection, psycopg.Connection)
        connection.execute(
            "UPDATE usage_periods SET ends_at = %s WHERE org_id = %s AND starts_at = %s", (at, org_id, MONTHS[2])
        )
        connection.execute(
            "INSERT INTO usage_periods (org_id, starts_at, ends_at, previous_end, plan_version_id, time_zone,"
            " opened_at) VALUES (%s, %s, %s, %s, gen_random_uuid(), 'UTC', now())",
            (org_id, at, MONTHS[3], at),
        )
        connection.execute(
            "INSERT INTO terms_in_force (org_id, period_start, meter_id, mentioned, policy, allowance, hard_limit, cap,"
            " per_minute, per_hour, per_day, sources) SELECT org_id, %s, meter_id, mentioned, policy, allowance,"
            " hard_limit, cap, per_minute, per_hour, per_day, sources FROM terms_in_force"
            " WHERE org_id = %s AND period_start = %s",
            (at, org_id, MONTHS[2]),
        )

    def meter(self, key: str) -> int:
        return int(self.run("SELECT id FROM meters WHERE key = %s", (key,))[0][0])

    def days(self, org_id: UUID, dimension: str = "", **cut: datetime) -> dict[tuple[date, str, str], Decimal]:
        """By day, meter and value: what a page shows."""
        with self.transaction() as session:
            found = queries.list_daily_usage(session, org_id, FIRST, LAST, dimension=dimension, **cut)
        return self._named(found)

    def months(self, org_id: UUID, dimension: str = "") -> dict[tuple[date, str, str], Decimal]:
        with self.transaction() as session:
            return self._named(queries.list_monthly_usage(session, org_id, FIRST, LAST, dimension=dimension))

    def kept(self, table: str, org_id: UUID) -> dict[tuple[date, str, str, str], Decimal]:
        """The roll-up rows themselves, without a tail; not by hour and plan, which every event has."""
        column = {"usage_days": "day", "usage_months": "month"}[table]
        rows = self.run(
            f"SELECT r.{column}, m.key, r.dimension, r.value, r.quantity FROM {table} r"
            " JOIN meters m ON m.id = r.meter_id WHERE r.org_id = %s AND r.dimension NOT IN ('hour', 'plan')",
            (org_id,),
        )
        return {(day, key, dimension, value): quantity for day, key, dimension, value, quantity in rows}

    def differences(self, *orgs: UUID) -> list[verify.UsageDifference]:
        with self.transaction() as session:
            return verify.survey_usage(session, only=orgs).differences

    def _named(self, found: list[queries.UsageFigure]) -> dict[tuple[date, str, str], Decimal]:
        keys = dict(self.run("SELECT id, key FROM meters"))
        return {(each.day, keys[each.meter_id], each.value): each.quantity for each in found}


def expected(events: list[Event], zone: str, bucket: str, dimension: str = "") -> dict[tuple[date, str, str], Decimal]:
    """What the events add up to, counted the plain way."""
    groups: dict[tuple[date, str, str], list[Event]] = defaultdict(list)
    for event in events:
        local = (event.occurred_at or NOW).astimezone(ZoneInfo(zone)).date()
        value = getattr(event, dimension) if dimension else ""
        if value is not None:
            groups[local.replace(day=1) if bucket == "month" else local, event.meter, value].append(event)
    return {key: _figure(key[1], group) for key, group in groups.items()}


def _figure(meter: str, events: list[Event]) -> Decimal:
    aggregation, dimension = METERS[meter]
    quantities = [
        Decimal(1) if event.quantity is ABSENT else Decimal(bytes(event.quantity).strip(b'"').decode())
        for event in events
    ]
    if aggregation == "count":
        return Decimal(len(events))
    if aggregation == "unique":
        return Decimal(len({getattr(event, dimension or "") for event in events}))
    return max(quantities) if aggregation == "max" else sum(quantities, Decimal(0))
