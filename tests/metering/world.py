"""Orgs with open periods and limits, made directly in the tables, so that these tests need nothing above metering."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from msgspec import Raw

from app.kit.postgres.pool import HotPool
from app.metering.recorder import UsageRecorder
from app.metering.recording.batch import BatchOutcome, record_batch
from app.metering.recording.record import Outcome, record_event
from app.metering.schemas import Event
from tests.support import terms

NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
MONTHS = [datetime(2026, month, 1, tzinfo=UTC) for month in (9, 10, 11, 12)]
METERS = {
    "t_sum": ("sum", None),
    "t_sum2": ("sum", None),
    "t_count": ("count", None),
    "t_max": ("max", None),
    "t_people": ("unique", "user"),
    "t_kinds": ("unique", "kind"),
}


@dataclass
class World:
    """A door to one database: makes orgs, records as the product does, and reads the books."""

    url: str
    pool: HotPool
    standby: bool = False
    opened: list[tuple[UUID, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for key, (aggregation, dimension) in METERS.items():
                connection.execute(
                    "INSERT INTO meters (key, name, unit, aggregation, dimension) VALUES (%s, %s, 'unit', %s, %s)"
                    " ON CONFLICT (key) DO NOTHING",
                    (key, key, aggregation, dimension),
                )

    @property
    def recorder(self) -> UsageRecorder:
        return UsageRecorder(self.pool, timedelta(days=35), timedelta(minutes=5), self.standby, self._open)

    def _open(self, org_id: UUID, at: datetime, now: datetime) -> None:
        self.opened.append((org_id, at))
        self.open_periods(org_id)

    def org(self, *, zone: str = "UTC", periods: bool = True, **limits: dict[str, Any]) -> UUID:
        """An org whose meters are limited as given: t_sum={"policy": "block", "allowance": 10}."""
        org_id = uuid4()
        self.run("INSERT INTO orgs (id, name, time_zone, created_at) VALUES (%s, 'org', %s, now())", (org_id, zone))
        if periods:
            self.open_periods(org_id)
        for meter, limit in limits.items():
            self.limit(org_id, meter, **limit)
        return org_id

    def open_periods(self, org_id: UUID) -> None:
        found = self.run("SELECT id FROM plan_versions WHERE published_at IS NOT NULL LIMIT 1")
        version = found[0][0] if found else uuid4()
        for start, end in zip(MONTHS, [*MONTHS[1:], datetime(2027, 1, 1, tzinfo=UTC)], strict=True):
            self.run(
                "INSERT INTO usage_periods (org_id, starts_at, ends_at, previous_end, plan_version_id, time_zone,"
                " opened_at) SELECT id, %s, %s, %s, %s, time_zone, now() FROM orgs WHERE id = %s"
                " ON CONFLICT DO NOTHING",
                (start, end, None if start == MONTHS[0] else start, version, org_id),
            )
        for meter in METERS:
            self._terms(org_id, meter, terms.columns(), update=False)

    def limit(self, org_id: UUID, meter: str, **limit: Any) -> None:
        """Put a limit in force in every period, replacing the one that was."""
        self.run("SELECT pg_advisory_xact_lock(usage_lock(%s))", (org_id,))
        self._terms(org_id, meter, terms.columns(**({"policy": "block"} | limit)), update=True)

    def _terms(self, org_id: UUID, meter: str, columns: dict[str, Any], *, update: bool) -> None:
        (meter_id,) = self.run("SELECT id FROM meters WHERE key = %s", (meter,))[0]
        for start in MONTHS:
            row = {"org_id": org_id, "meter_id": meter_id, "period_start": start} | columns
            statement, arguments = terms.insert("terms_in_force", row, update=update)
            self.run(statement if update else statement + " ON CONFLICT DO NOTHING", tuple(arguments))

    def one(self, org_id: UUID, sent: Event, now: datetime = NOW) -> Outcome:
        return record_event(self.recorder, org_id, sent, key_id=None, now=now)

    def many(self, org_id: UUID, events: list[Event], now: datetime = NOW) -> BatchOutcome:
        return record_batch(self.recorder, org_id, events, key_id=None, now=now)

    def run(self, statement: str, arguments: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self.pool.connection() as connection:
            done = connection.execute(statement, arguments)
            return done.fetchall() if done.description else []

    def by_hand(self, statement: str, arguments: tuple[Any, ...] = ()) -> None:
        """What no running process may: as the superuser."""
        with psycopg.connect(self.url) as connection:
            connection.execute(statement, arguments)

    def used(self, org_id: UUID, meter: str = "t_sum", period: datetime = MONTHS[2]) -> Decimal:
        rows = self.run(
            "SELECT c.used FROM usage_counters c JOIN meters m ON m.id = c.meter_id"
            " WHERE c.org_id = %s AND m.key = %s AND c.period_start = %s",
            (org_id, meter, period),
        )
        return rows[0][0] if rows else Decimal(0)

    def events(self, org_id: UUID) -> int:
        return int(self.run("SELECT count(*) FROM usage_events WHERE org_id = %s", (org_id,))[0][0])

    def keys(self, org_id: UUID) -> int:
        return int(self.run("SELECT count(*) FROM usage_keys WHERE org_id = %s", (org_id,))[0][0])

    def books_agree(self, org_id: UUID) -> None:
        """Counters equal the events, each event has its key, and no limit under `block` is passed."""
        differences = self.run(BOOKS, {"org": org_id})  # type: ignore[arg-type]
        assert differences == []
        assert self.keys(org_id) == self.events(org_id)


BOOKS = """
WITH counted AS (
  SELECT e.meter_id, p.starts_at AS period_start, count(*) AS events, CASE m.aggregation
      WHEN 'sum' THEN sum(e.quantity) WHEN 'count' THEN count(*) WHEN 'max' THEN max(e.quantity)
      ELSE count(DISTINCT CASE m.dimension WHEN 'user' THEN e.subject_id::text ELSE e.kind END) END AS used
  FROM usage_events e JOIN meters m ON m.id = e.meter_id
  JOIN usage_periods p ON p.org_id = e.org_id AND p.starts_at <= e.occurred_at AND p.ends_at > e.occurred_at
  WHERE e.org_id = %(org)s GROUP BY e.meter_id, p.starts_at, m.aggregation, m.dimension)
SELECT * FROM counted c FULL JOIN (SELECT * FROM usage_counters WHERE org_id = %(org)s) u
  USING (meter_id, period_start)
WHERE c.used IS DISTINCT FROM u.used OR c.events IS DISTINCT FROM u.events
"""


def event(meter: str = "t_sum", quantity: object = 1, **fields: Any) -> Event:
    """An event as it would be parsed, with an id of its own unless one is given."""
    fields = {"id": str(uuid4()), "meter": meter, "quantity": Raw(msgspec.json.encode(quantity))} | fields
    if isinstance(fields.get("metadata"), dict):
        fields["metadata"] = Raw(msgspec.json.encode(fields["metadata"]))
    return Event(**fields)
