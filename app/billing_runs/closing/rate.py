"""Rates usage periods that have ended, for good: their mark, their terms and one line a meter, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.billing_runs.closing.before_change import find_before_change_line
from app.billing_runs.closing.late import find_late_lines
from app.billing_runs.closing.lines import LineRater
from app.billing_runs.closing.rests import Closing, write_differences
from app.invoices import queries as invoices
from app.invoices.service import LineFacts, write_lines
from app.kit.periods import Period
from app.kit.postgres.arrays import encode_keys, encode_times
from app.metering.verification.close_mark import CloseMark, take_mark
from app.statements import queries as statements
from app.statements.queries import PeriodRow
from app.subscriptions.close import PeriodKey, close_periods, prepare_closes

_NOTE = text("""
INSERT INTO period_closes (org_id, period_start, period_end, rated_at, mark, cluster)
SELECT *, :now, :mark, :cluster
FROM unnest(CAST(:orgs AS uuid[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
ON CONFLICT (org_id, period_start) DO UPDATE
SET period_end = excluded.period_end, rated_at = excluded.rated_at, mark = excluded.mark, cluster = excluded.cluster,
    error = NULL
""")


@dataclass(frozen=True, slots=True)
class RatedPeriods:
    """The periods that were closed, and those that must wait, with why."""

    closed: Sequence[PeriodKey]
    waiting: Mapping[PeriodKey, str]


def rate_periods(session: Session, keys: Sequence[PeriodKey], now: datetime, *, wait: bool) -> RatedPeriods:
    """Close usage periods: write their lines, and let neither their ends nor their terms change again.

    What is closed already, or gone, is in neither part of the answer; nor, without `wait`, is one whose org's usage is
    locked at the moment. A period waits for a transaction that may still hold some of its events, and for counters
    that a moved boundary left unsettled.
    """
    spans = prepare_closes(session, keys, now, wait=wait)
    if not spans:
        return RatedPeriods([], {})
    mark = take_mark(session, spans)
    waiting = {key: f"The period waits for {what}." for key, what in mark.waiting.items()}
    spans = {key: span for key, span in spans.items() if key not in waiting}
    if spans:
        write_closes(session, spans, mark, now)
    return RatedPeriods(list(spans), waiting)


def write_closes(
    session: Session, spans: Mapping[PeriodKey, Period], mark: CloseMark, now: datetime
) -> dict[UUID, list[LineFacts]]:
    """Write the closes of prepared periods, and the lines that they come to, by org; the caller holds the locks."""
    lines: dict[UUID, list[LineFacts]] = {key.org_id: [] for key in spans}
    found = statements.list_rows_of_periods(session, list(spans))
    named = {row.charge_id for rows in found.values() for row in rows if row.charge_id}
    rater = LineRater(statements.get_charges(session, named))
    for key, span in spans.items():
        lines[key.org_id] += state_period(session, key.org_id, span, found[key], rater)
    write_lines(session, lines, now)
    for org_id, late in _find_differences(session, list(lines)).items():
        key = min(key for key in spans if key.org_id == org_id)
        lines[org_id] += write_differences(session, Closing(org_id, spans[key], found[key][0].currency), late, now)
    _note_closes(session, spans, mark, now)
    close_periods(session, list(spans), now)
    return lines


def _find_differences(session: Session, orgs: Sequence[UUID]) -> dict[UUID, list[LineFacts]]:
    """What closed periods of orgs differ by since they were billed; also the orgs that wait for money back."""
    found: dict[UUID, list[LineFacts]] = {org_id: [] for org_id in invoices.list_orgs_to_credit(session, orgs)}
    for org_id, late in find_late_lines(session, orgs):
        found.setdefault(org_id, []).append(late)
    return found


def state_period(
    session: Session, org_id: UUID, period: Period, rows: Sequence[PeriodRow], rater: LineRater
) -> list[LineFacts]:
    """The lines of one period: one a meter, and what was owed before a change of plan."""
    lines = rater.state_lines(rows, period)
    before = find_before_change_line(session, org_id, rows, sum(line.amount for line in lines))
    return [*lines, before] if before else lines


def _note_closes(session: Session, spans: Mapping[PeriodKey, Period], mark: CloseMark, now: datetime) -> None:
    named = {
        **encode_keys(list(spans)),
        "ends": encode_times(span.end for span in spans.values()),
    }
    session.execute(_NOTE, {**named, "now": now, "mark": mark.mark, "cluster": mark.cluster})
