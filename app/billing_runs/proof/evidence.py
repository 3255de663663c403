"""Reads what a proof compares: the events counted again, the counters, the roll-ups, the terms and the lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.billing_runs.models import PeriodClose
from app.catalog import queries as catalog
from app.catalog.models import Meter
from app.invoices import queries as invoices
from app.invoices.charges import LineCharge, match_charges
from app.invoices.line_queries import select_for_lines
from app.invoices.models import InvoiceLine
from app.kit.periods import Period
from app.kit.postgres.together import ask, prepare
from app.metering.verification import period_figures
from app.metering.verification.move import list_unsettled, select_unsettled
from app.metering.verification.period_figures import CountedUsage, DailyTotals, LeftOut
from app.statements import queries as statements
from app.subscriptions.models import UsagePeriod


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one period, by meter; `charges` by line.

    `at_close` has what transactions below the mark recorded; None without a valid mark.
    """

    org_id: UUID
    period: Period
    time_zone: str
    closed: bool
    meters: Mapping[int, Meter]
    rows: Sequence[Row[Any]]
    counted: Mapping[int, CountedUsage]
    at_close: Mapping[int, CountedUsage] | None
    days: Mapping[int, DailyTotals]
    left_out: Mapping[int, Sequence[LeftOut]]
    lines: Mapping[int | None, Sequence[InvoiceLine]]
    charges: Mapping[UUID, LineCharge]
    unsettled: frozenset[int]

    @property
    def row_of(self) -> Mapping[int, Row[Any]]:
        """The period's counters with their terms, by meter."""
        return {row.meter_id: row for row in self.rows if row.meter_id is not None}


def read_evidence(session: Session, org_id: UUID, usage_period: UsagePeriod) -> Evidence:
    """Read everything that bears on a period's figures."""
    period = Period(usage_period.starts_at, usage_period.ends_at)
    of_lines = select_for_lines(org_id, invoices.select_period_lines(org_id, period.start))
    close = select(PeriodClose).where(PeriodClose.org_id == org_id, PeriodClose.period_start == period.start)
    prepare(
        session, of_lines.lines, of_lines.charges, close, period_figures.CLUSTER, catalog.select_meters(),
        period_figures.select_left_out(org_id, period), period_figures.select_counted(org_id, period),
        period_figures.select_daily_totals(org_id, period), select_unsettled(org_id),
        statements.select_period_rows(org_id, period.start, period.end),
    )  # fmt: skip
    left_out: dict[int, list[LeftOut]] = defaultdict(list)
    for omission in period_figures.list_left_out(session, org_id, period):
        left_out[omission.meter_id].append(omission)
    lines: dict[int | None, list[InvoiceLine]] = defaultdict(list)
    for line in invoices.list_period_lines(session, org_id, period.start):
        lines[line.meter_id].append(line)
    return Evidence(
        org_id=org_id,
        period=period,
        time_zone=usage_period.time_zone,
        closed=usage_period.closed_at is not None,
        meters=catalog.get_meters_by_id(session),
        rows=statements.list_period_rows(session, org_id, period.start, period.end),
        counted=period_figures.count_events(session, org_id, period),
        at_close=_count_at_close(session, ask(session, close), period),
        days=period_figures.compare_daily_totals(session, org_id, period),
        left_out=left_out,
        lines=lines,
        charges=match_charges((line for of in lines.values() for line in of), ask(session, of_lines.charges)),
        unsettled=frozenset(
            each.meter_id for each in list_unsettled(session, org_id) if each.starts_at == period.start
        ),
    )


def _count_at_close(
    session: Session, closes: Sequence[PeriodClose], period: Period
) -> Mapping[int, CountedUsage] | None:
    close = next(iter(closes), None)
    if close is None or close.mark is None or close.cluster != period_figures.get_cluster(session):
        return None
    return period_figures.count_events(session, close.org_id, period, below=close.mark)
