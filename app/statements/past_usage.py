"""What an organisation used in its past usage periods, as the replay and the fit report compare it with plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextualSelect
from sqlalchemy.orm import Session

from app.kit.money import ZERO
from app.kit.periods import Period
from app.kit.postgres.together import ask
from app.statements import queries
from app.statements.current_usage import CurrentUsage

MOST_MONTHS = 12
_LONGEST_MONTH = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class PastPeriod:
    """What was used of each meter in a usage period, imports included.

    `full`: meters of which the limit of then was reached, so that more may have been wanted than was used.
    """

    period: Period
    plan_version_id: UUID | None
    used: Mapping[str, Decimal]
    full: frozenset[str] = field(default_factory=frozenset)


def list_past_periods(session: Session, usage: CurrentUsage, months: int = MOST_MONTHS) -> list[PastPeriod]:
    """List the last usage periods before the running one, oldest first, from the first with any use.

    Worked example: nothing used in August, 500 calls in September, none in October, asked for three months: September
    and October.
    """
    rows = ask(session, select_past_periods(usage, months))
    past = [_sum_up(list(lines)) for _, lines in groupby(rows, attrgetter("starts_at"))][-months:]
    first = next((number for number, each in enumerate(past) if any(each.used.values())), len(past))
    return past[first:]


def select_past_periods(usage: CurrentUsage, months: int = MOST_MONTHS) -> TextualSelect:
    """Select what `list_past_periods` reads."""
    start = usage.period.start
    return queries.select_period_rows(usage.org_id, start - _LONGEST_MONTH * (months + 1), start)


def _sum_up(rows: Sequence[Row[Any]]) -> PastPeriod:
    head, metered = rows[0], [row for row in rows if row.key]
    return PastPeriod(
        Period(head.starts_at, head.ends_at),
        head.plan_version_id,
        {row.key: row.used + row.imported for row in metered},
        frozenset(row.key for row in metered if row.cap is not None and ZERO < row.cap <= row.used),
    )
