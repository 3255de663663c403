"""The worklist of who is past due: payments that failed at Stripe, and our own invoices past their day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.admin.owing import Owing, list_owing
from app.analytics.history import list_timelines
from app.analytics.timeline import Timeline
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.queries import OVERDUE, IssuedFilter, list_owed
from app.statements.wording import format_amount
from app.web.addresses import path_to
from app.web.csv_export import Cell, Money
from app.web.filters import day

FILE_HEAD = ("org_id", "org", "plan", "since", "currency", "owed", "mrr", "collector", "next")
MOST = 500
_NONE = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class WorkRow:
    """Something owed: by whom, since when, how much MRR depends on it, and what happens next or is to be done."""

    org_id: UUID
    name: str
    plan: str
    since: datetime | None
    amount: int | None
    currency: str | None
    mrr: int
    collector: str
    next_step: str
    href: str

    @property
    def owed(self) -> str:
        """The amount as staff read it."""
        return _NONE if self.amount is None or self.currency is None else format_amount(self.amount, self.currency)

    @property
    def at_risk(self) -> str:
        """Its MRR."""
        return _NONE if self.currency is None else format_amount(self.mrr, self.currency)


@dataclass(frozen=True)
class WorkView:
    """The page; `totals` has (label, amount, note) for each currency."""

    rows: Sequence[WorkRow]
    totals: Sequence[tuple[str, str, str]]
    cut: str | None
    csv_href: str
    as_of: datetime


def list_work(session: Session, now: datetime) -> list[WorkRow]:
    """What is owed, the longest first.

    Worked example: Acme's renewal of 49 USD was declined on 20 November and Stripe tries again on the 24th: one row.
    """
    known = {each.org_id: each for each in list_timelines(session, now)}
    rows = [_from_stripe(row, known, now) for row in list_owing(session, now, MOST).rows]
    rows += [_from_invoice(row, known, now) for row in list_owed(session, IssuedFilter(state=OVERDUE), now, None, MOST)]
    return sorted(rows, key=lambda row: (row.since or now, row.org_id))


def build_work_view(rows: Sequence[WorkRow], now: datetime) -> WorkView:
    """Build the page."""
    totals = []
    for code in sorted({row.currency for row in rows if row.currency is not None}):
        mine = [row for row in rows if row.currency == code]
        owed, risk = sum(row.amount or 0 for row in mine), {row.org_id: row.mrr for row in mine}
        totals.append(
            (f"Owed in {code}", format_amount(owed, code), f"{format_amount(sum(risk.values()), code)} of MRR")
        )
    return WorkView(
        rows=rows,
        totals=totals,
        cut=f"At most {MOST} of each kind are listed." if len(rows) >= MOST else None,
        csv_href=path_to("admin.past_due_csv"),
        as_of=now,
    )


def iterate_work(rows: Sequence[WorkRow]) -> Iterator[Sequence[Cell]]:
    """The same rows for a file."""
    for row in rows:
        code = row.currency
        amounts = (
            None if code is None or row.amount is None else Money(row.amount, code),
            None if code is None else Money(row.mrr, code),
        )
        yield str(row.org_id), row.name, row.plan, row.since, code, *amounts, row.collector, row.next_step


def _from_stripe(row: Owing, known: Mapping[UUID, Timeline], now: datetime) -> WorkRow:
    if row.next_attempt_at is not None:
        step = f"Stripe tries again on {day(row.next_attempt_at, 'UTC', plain=True)}"
    elif row.grace_ends_at is not None:
        step = f"Restricted from {day(row.grace_ends_at, 'UTC', plain=True)}"
    else:
        step = "Restricted; no further attempt planned" if row.restricted else "No further attempt planned"
    mrr = known[row.org_id].mrr(now) if row.org_id in known else 0
    href = path_to("admin.org", org_id=row.org_id)
    return WorkRow(row.org_id, row.name, row.plan, row.since, row.amount, row.currency, mrr, "Stripe", step, href)


def _from_invoice(row: IssuedInvoice, known: Mapping[UUID, Timeline], now: datetime) -> WorkRow:
    timeline = known.get(row.org_id)
    stretch = timeline.find(now) if timeline is not None else None
    step = f"Due on {day(row.due_on, plain=True)}; record the payment of {row.number} or write it off"
    return WorkRow(
        row.org_id,
        timeline.name if timeline is not None else str(row.buyer["name"]),
        stretch.plan_name if stretch is not None else _NONE,
        row.due_at,
        row.remaining,
        row.currency,
        timeline.mrr(now, row.currency) if timeline is not None else 0,
        "Invoice",
        step,
        path_to("admin.invoice", invoice_id=row.invoice_id),
    )
