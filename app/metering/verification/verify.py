"""Recomputes counters and roll-ups from the events, and reports every difference.

The whole run uses one database snapshot, so usage recorded meanwhile causes no differences. Orgs are processed in
chunks to bound memory use.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Text, TextClause, Uuid, case, column, func, null, select, text, union_all
from sqlalchemy.orm import Session

from app.metering.verification.rollup_checks import ROLLED, TOTALS

CHUNK = 500

Progress = Callable[[int, int], None]


def _silent(_done: int, _of: int) -> None: ...


@dataclass(frozen=True, slots=True)
class UsageDifference:
    """A stored figure and the one counted from the events; None when not stored or not counted."""

    check: str
    org_id: UUID | None
    what: str
    kept: str | None
    counted: str | None


@dataclass
class Survey:
    """The number of rows checked, and the differences."""

    checked: dict[str, int] = field(default_factory=dict)
    differences: list[UsageDifference] = field(default_factory=list)
    waiting: int = 0
    """Orgs whose roll-ups wait to be rebuilt; their pages read from the events."""


_CHUNKS = text("""
    SELECT array_agg(n.id ORDER BY n.id) FROM (SELECT o.id, (row_number() OVER (ORDER BY o.id) - 1) / :size AS part
    FROM accounts_orgs o WHERE CAST(:only AS uuid[]) IS NULL OR o.id = ANY (:only)) n GROUP BY n.part ORDER BY n.part
""")
_MARK = text("""
    SELECT s.upto, s.floor_seq, s.cluster = database_cluster() AS valid,
           s.cluster = database_cluster() AND t.cluster = s.cluster AS totals_valid
    FROM rollup_state s JOIN rollup_state t ON t.name = 'totals' WHERE s.name = 'orgs'
""")
# Every check returns: org, what, kept, counted, and whether a row is stored, is counted, and differs. Of an unsettled
# counter, only the number of events can be wrong.
_COUNTERS = text("""
    SELECT org_id, m.key || ', period from ' || period_start AS what,
           format('used %s, unbilled %s, events %s', c.used, c.unbilled, c.events) AS kept,
           format('used %s, unbilled %s, events %s', trim_scale(f.used), trim_scale(f.unbilled), f.events) AS counted,
           c.org_id IS NOT NULL AS is_kept, f.org_id IS NOT NULL AS is_counted, x.differs
    FROM (SELECT org_id, meter_id, period_start, trim_scale(used) AS used, trim_scale(unbilled) AS unbilled, events,
                 unsettled
          FROM usage_counters WHERE org_id = ANY (:orgs)) c
    FULL JOIN usage_counter_figures(:orgs) f USING (org_id, meter_id, period_start)
    JOIN (SELECT id, key FROM catalog_meters) m ON m.id = meter_id,
    LATERAL (SELECT coalesce(c.events, 0) <> coalesce(f.events, 0)
                 OR c.unsettled IS NULL AND (coalesce(c.used, 0), coalesce(c.unbilled, 0))
                    <> (coalesce(f.used, 0), coalesce(f.unbilled, 0)) AS differs) x
""")
_UNIQUES = text("""
    SELECT org_id, m.key || ', period from ' || period_start || ', value ' || encode(value_hash, 'hex') AS what,
           'claimed' AS kept, 'claimed' AS counted, u.org_id IS NOT NULL AS is_kept, f.org_id IS NOT NULL AS is_counted,
           u.org_id IS NULL OR f.org_id IS NULL AND NOT EXISTS (
               SELECT FROM usage_counters c WHERE c.unsettled IS NOT NULL
               AND (c.org_id, c.meter_id, c.period_start) = (u.org_id, u.meter_id, u.period_start)) AS differs
    FROM (SELECT * FROM usage_uniques WHERE org_id = ANY (:orgs)) u
    FULL JOIN usage_unique_figures(:orgs) f USING (org_id, meter_id, period_start, value_hash)
    JOIN (SELECT id, key FROM catalog_meters) m ON m.id = meter_id
""")
_KEYS = text("""
    SELECT org_id, 'key ' || key || coalesce(', id ' || e.event_id, '') AS what,
           'claimed for ' || k.occurred_at AS kept, e.n || ' event at ' || e.occurred_at AS counted,
           k.org_id IS NOT NULL AS is_kept, e.org_id IS NOT NULL AS is_counted,
           k.org_id IS NULL OR e.org_id IS NULL OR k.occurred_at <> e.occurred_at OR e.n <> 1 AS differs
    FROM (SELECT * FROM usage_keys WHERE org_id = ANY (:orgs)) k
    FULL JOIN (SELECT org_id, key, min(occurred_at) AS occurred_at, min(event_id) AS event_id, count(*) AS n
               FROM usage_events WHERE org_id = ANY (:orgs) GROUP BY 1, 2) e USING (org_id, key)
""")
# A window may have counted fewer events than there are (its limit came later), never more. Unique values are not
# checked: whether one counts in a window depends on the period so far.
_WINDOWS = text("""
    SELECT w.org_id, format('%s, %s from %s', m.key, w.span, w.starts_at) AS what,
           'used ' || trim_scale(w.used) AS kept, 'used ' || trim_scale(coalesce(w.counted, 0)) AS counted,
           true AS is_kept, true AS is_counted, w.used > coalesce(w.counted, 0) AS differs
    FROM usage_window_figures(:orgs) w JOIN catalog_meters m ON m.id = w.meter_id
""")
_STALE = text("SELECT r.org_id FROM rollup_orgs r WHERE r.org_id = ANY (:orgs) AND r.stale")
_COLUMNS = (
    *(column("org_id", Uuid), column("what", Text), column("kept", Text), column("counted", Text)),
    *(column("is_kept", Boolean), column("is_counted", Boolean), column("differs", Boolean)),
)


def survey_usage(session: Session, on_progress: Progress = _silent, *, only: Collection[UUID] | None = None) -> Survey:
    """Compare everything, or `only` the given orgs (without the totals for staff).

    The session must not be in a transaction yet; the caller ends the one started here. `on_progress` gets the number of
    orgs done and the total after every chunk.
    """
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    session.execute(text("SET TRANSACTION READ ONLY"))
    session.execute(text("SET LOCAL statement_timeout = 0"))
    result = Survey()
    mark = session.execute(_MARK).one()
    bounds = {"upto": mark.upto, "floor": mark.floor_seq}
    chunks = list(session.scalars(_CHUNKS, {"size": CHUNK, "only": None if only is None else list(only)}))
    of, done = sum(map(len, chunks)), 0
    for orgs in chunks:
        for name, check in (
            ("counters", _COUNTERS),
            ("unique values", _UNIQUES),
            ("keys", _KEYS),
            ("windows", _WINDOWS),
        ):
            _compare(session, result, name, check, {"orgs": orgs})
        stale = set(session.scalars(_STALE, {"orgs": orgs}) if mark.valid else orgs)
        result.waiting += len(stale)
        fresh = [org_id for org_id in orgs if org_id not in stale]
        for name, check in ROLLED.items():
            _compare(session, result, name, check, {"orgs": fresh, **bounds})
        done += len(orgs)
        on_progress(done, of)
    if mark.totals_valid and only is None:
        for name, check in TOTALS.items():
            _compare(session, result, name, check, bounds)
    return result


def _compare(session: Session, result: Survey, name: str, check: TextClause, values: dict[str, Any]) -> None:
    """Run one check. The server compares the rows and returns only differences."""
    compared = check.columns(*_COLUMNS).cte("compared")
    of = compared.c
    differences = select(
        of.org_id, of.what, case((of.is_kept, of.kept)), case((of.is_counted, of.counted)), null().label("rows")
    ).where(of.differs)
    number = select(null(), null(), null(), null(), func.count()).select_from(compared)
    for org_id, what, kept, counted, rows in session.execute(union_all(differences, number), values):
        if rows is not None:
            result.checked[name] = result.checked.get(name, 0) + rows
        else:
            result.differences.append(UsageDifference(name, org_id, what, kept, counted))


def render_survey(result: Survey) -> Iterator[str]:
    """Render the survey for people, one line per difference."""
    for row in result.differences:
        org = f"org {row.org_id}, " if row.org_id else ""
        yield f"{row.check}: {org}{row.what}: kept {row.kept or 'nothing'}; events say {row.counted or 'nothing'}"
    if result.waiting:
        yield f"the roll-ups of {result.waiting} orgs are waiting to be rebuilt; pages read their events"
    numbers = ", ".join(f"{number} {name}" for name, number in result.checked.items())
    yield f"{len(result.differences)} differences in {numbers}"
