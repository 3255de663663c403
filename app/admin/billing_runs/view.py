"""Builds the staff page of billing runs and the closes on an organisation's page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.billing_runs.open_ends import OpenEnds
from app.billing_runs.queries import CloseFilter
from app.portal.shell.links import Link
from app.statements.wording import format_amount, format_span
from app.web.addresses import path_to
from app.web.filters import quantity

Badge = tuple[str, str, str]
DAYS = {31: "31 days", 92: "3 months", 366: "12 months"}


@dataclass(frozen=True, slots=True)
class CloseRow:
    """A close. `where` is the invoice that its lines are on; `note` says what failed and how often."""

    org_id: UUID
    name: str
    days: str
    amount: str
    badge: Badge
    where: str
    note: str | None
    verify_href: str


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """Lines of an organisation that wait for an invoice; `running_currency` is what it pays in now."""

    org_id: UUID
    name: str
    amount: str
    lines: str
    running_currency: str


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A credit note that is not issued, on which invoice, and why not."""

    org_id: UUID
    name: str
    invoice: str
    amount: str
    since: datetime
    error: str


@dataclass(frozen=True, slots=True)
class BillingRunsView:
    """The closes of some days. `totals` has a figure per currency; `cut` says how many of them are shown."""

    rows: Sequence[CloseRow]
    totals: Sequence[tuple[str, str, str]]
    counts: Row[Any]
    failed: bool
    states: Sequence[Link]
    days: Sequence[Link]
    cut: str | None
    left_over: Sequence[WaitingRow]
    waiting: Sequence[WaitingRow]
    failing_notes: Sequence[NoteRow]


def build_billing_runs_view(
    rows: Sequence[Row[Any]],
    totals: Sequence[Row[Any]],
    counts: Row[Any],
    shown: CloseFilter,
    days: int,
    *,
    ends: OpenEnds,
) -> BillingRunsView:
    """Build the page; amounts of different currencies are never added."""
    return BillingRunsView(
        rows=[build_close_row(row, "UTC") for row in rows],
        totals=[
            (row.currency, format_amount(row.amount, row.currency), f"in {quantity(row.periods)} periods")
            for row in totals
        ],
        counts=counts,
        failed=shown.failed,
        states=[
            ("All", path_to("admin.billing_runs", days=days), not shown.failed),
            ("Failed", path_to("admin.billing_runs", days=days, state="failed"), shown.failed),
        ],
        days=[(words, _address(number, failed=shown.failed), number == days) for number, words in DAYS.items()],
        left_over=[_build_waiting(row) for row in ends.left_over],
        waiting=[] if shown.failed else [_build_waiting(row) for row in ends.waiting],
        failing_notes=[_build_note(row) for row in ends.failing_notes],
        cut=f"The latest {len(rows)} of {quantity(counts.periods)}." if counts.periods > len(rows) else None,
    )


def _build_waiting(row: Row[Any]) -> WaitingRow:
    amount = format_amount(row.amount, row.currency)
    return WaitingRow(row.org_id, row.name, amount, quantity(row.lines), row.running_currency or row.currency)


def _build_note(row: Row[Any]) -> NoteRow:
    amount = format_amount(row.amount, row.currency)
    return NoteRow(row.org_id, row.name, row.invoice or "–", amount, row.opened_at, row.error)


def build_close_row(row: Row[Any], zone: str) -> CloseRow:
    """Build the row of a close; days are in the zone."""
    return CloseRow(
        org_id=row.org_id,
        name=row.name,
        days=format_span(row.period_start, row.period_end, zone),
        amount=format_amount(row.amount, row.currency) if row.currency else "–",
        badge=_describe_state(row),
        where=_describe_invoice(row),
        note=_describe_failure(row),
        verify_href=path_to("admin.org_proof", org_id=row.org_id, at=row.period_start.isoformat()),
    )


def _describe_state(row: Row[Any]) -> Badge:
    if row.error is not None:
        return "Failed", "bad", "cross"
    if row.billed_at is None:
        return ("Rated", "accent", "clock") if row.rated_at else ("Open", "accent", "clock")
    if not row.amount:
        return "Nothing to bill", "neutral", "minus"
    return ("Billed", "good", "check") if row.kind else ("Waiting", "near", "clock")


def _describe_invoice(row: Row[Any]) -> str:
    if row.stripe_invoice_id is not None:
        return str(row.stripe_invoice_id)
    if row.number is not None:
        return str(row.number)
    if row.kind is not None:
        return "Not made at Stripe yet"
    return "Waits for the next invoice" if row.amount and row.billed_at else "–"


def _describe_failure(row: Row[Any]) -> str | None:
    """The last error and the number of failures; failures that have passed are mentioned too."""
    times = "once" if row.failures == 1 else f"{quantity(row.failures)} times"
    if row.error is not None:
        return f"{row.error} Failed {times}."
    return f"Failed {times} before." if row.failures else None


def _address(days: int, *, failed: bool) -> str:
    return path_to("admin.billing_runs", days=days, **({"state": "failed"} if failed else {}))
