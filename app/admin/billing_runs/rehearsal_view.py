"""Builds the staff page of rehearsals and its file. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.billing_runs.rehearsal.queries import RehearsalFilter
from app.portal.shell.links import Link
from app.statements.wording import format_amount, format_span
from app.web.addresses import path_to
from app.web.csv_export import Cell, Money
from app.web.filters import quantity

Badge = tuple[str, str, str]
SHOWN = {"": "All", "tomorrow": "Ends within a day", "alarms": "Alarms"}
HEAD = ("org_id", "org", "period_start", "period_end", "rehearsed_at", "usage", "late_usage", "day_before", "estimate",
        "currency", "alarm", "error")  # fmt: skip
_NONE = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class RehearsalRow:
    """A period: what it would come to, and how that differs from the night before; `note` says what is wrong."""

    org_id: UUID
    name: str
    days: str
    ends_at: datetime
    amount: str
    change: str
    badge: Badge
    note: str | None


@dataclass(frozen=True, slots=True)
class RehearsalView:
    """The page. `totals` has a figure per currency; `as_of` is when the latest row was worked out."""

    rows: Sequence[RehearsalRow]
    totals: Sequence[tuple[str, str, str]]
    counts: Row[Any]
    states: Sequence[Link]
    as_of: datetime | None
    cut: str | None
    empty: str
    csv_href: str


def build_rehearsal_view(
    rows: Sequence[Row[Any]], totals: Sequence[Row[Any]], counts: Row[Any], state: str
) -> RehearsalView:
    """Build the page; amounts of different currencies are never added."""
    return RehearsalView(
        rows=[_build_row(row) for row in rows],
        totals=[
            (
                each.currency,
                format_amount(each.amount, each.currency),
                f"in {quantity(each.orgs)} {'period' if each.orgs == 1 else 'periods'}",
            )
            for each in totals
        ],
        counts=counts,
        states=[(words, _address(key), key == state) for key, words in SHOWN.items()],
        as_of=max((row.rehearsed_at for row in rows), default=None),
        cut=f"The first {len(rows)} of {quantity(counts.orgs)}." if counts.orgs > len(rows) else None,
        empty="No rehearsal differs or has failed." if state == "alarms" else "Nothing has been rehearsed yet.",
        csv_href=path_to("admin.rehearsal_csv", **({"show": state} if state else {})),
    )


def iterate_file_rows(rows: Iterable[Row[Any]]) -> Iterator[tuple[Cell, ...]]:
    """Yield rehearsals as rows of the file."""
    for row in rows:
        amounts = (row.amount, row.late, row.amount_before, row.estimate)
        yield (
            str(row.org_id), row.name, row.period_start, row.period_end, row.rehearsed_at,
            *(None if amount is None else Money(amount, row.currency or "USD") for amount in amounts),
            row.currency, "yes" if row.alarm else "no", row.error,
        )  # fmt: skip


def _build_row(row: Row[Any]) -> RehearsalRow:
    return RehearsalRow(
        org_id=row.org_id,
        name=row.name,
        days=format_span(row.period_start, row.period_end, "UTC"),
        ends_at=row.period_end,
        amount=_NONE if row.error else format_amount(row.amount + row.late, row.currency),
        change=_describe_change(row),
        badge=_judge(row),
        note=_explain(row),
    )


def _describe_change(row: Row[Any]) -> str:
    if row.error or row.amount_before is None:
        return _NONE
    change = row.amount + row.late - row.amount_before
    sign = "+" if change > 0 else "\N{MINUS SIGN}" if change < 0 else ""
    return f"{sign}{format_amount(abs(change), row.currency)}"


def _judge(row: Row[Any]) -> Badge:
    if row.error:
        return "Failed", "bad", "cross"
    return ("Differs", "bad", "alert") if row.alarm else ("As estimated", "good", "check")


def _explain(row: Row[Any]) -> str | None:
    if row.error:
        return str(row.error)
    if row.alarm:
        return f"The running estimate says {format_amount(row.estimate, row.currency)}."
    return f"With {format_amount(row.late, row.currency)} of late usage." if row.late else None


def _address(state: str) -> str:
    return path_to("admin.rehearsal", **({"show": state} if state else {}))


def parse_filter(state: str, now: datetime, day_later: datetime) -> RehearsalFilter:
    """The filter of a state in the address; unknown ones show all."""
    return RehearsalFilter(now, day_later if state == "tomorrow" else None, alarms=state == "alarms")
