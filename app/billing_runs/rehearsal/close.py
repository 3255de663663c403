"""Closes a period as a billing run does, and rolls it back: what is left is what it would have written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.billing_runs.closing.rate import write_closes
from app.invoices.service import LineFacts
from app.kit.db import rolled_back
from app.kit.errors import Conflict
from app.kit.periods import Period
from app.metering.verification.close_mark import UNSETTLED, take_mark
from app.statements.current_usage import get_current_usage
from app.subscriptions import queries as subscriptions
from app.subscriptions.close import PeriodKey, prepare_closes


@dataclass(frozen=True, slots=True)
class RehearsedClose:
    """The lines that a close would write, those of late usage too; `estimate` is the running one, if it runs."""

    period: Period
    currency: str
    lines: Sequence[LineFacts]
    estimate: int | None

    @property
    def amount(self) -> int:
        """What the period's own usage comes to, in minor units."""
        return sum(line.amount for line in self.lines if line.period == self.period)

    @property
    def late(self) -> int:
        """What late usage of closed periods adds."""
        return sum(line.amount for line in self.lines if line.period != self.period)


def rehearse_close(session: Session, key: PeriodKey, now: datetime) -> RehearsedClose:
    """Close a period in a savepoint and roll it back, with the locks that it took.

    Its end stays where it is. Nothing waits for the mark: under the usage lock the counters are exact. Raises
    `Conflict` if the period is closed, or its counters are not settled.
    """
    with rolled_back(session):
        spans = prepare_closes(session, [key], now, wait=True)
        if not spans:
            raise Conflict("The period is closed already.")
        span, mark = spans[key], take_mark(session, spans)
        if mark.waiting.get(key) == UNSETTLED:
            raise Conflict(f"The period waits for {UNSETTLED}.")
        running = get_current_usage(session, key.org_id, now, ahead=False) if now in span else None
        lines = write_closes(session, spans, mark, now)[key.org_id]
        currency = lines[0].currency if lines else _get_currency(session, key)
        return RehearsedClose(span, currency, lines, running.usage_cost if running else None)


def _get_currency(session: Session, key: PeriodKey) -> str:
    period = subscriptions.find_period(session, *key)
    return (period.currency if period else None) or "USD"
