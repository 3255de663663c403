"""View models of the page of usage charges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.portal.invoices.explanation import Explanation
from app.portal.invoices.standing import Standing


@dataclass(frozen=True, slots=True)
class LineView:
    """A line. `included` is None where nothing was rated; `charged`: it has an amount."""

    id: str
    name: str
    quantity: str
    included: str | None
    amount: str
    charged: bool
    standing: Standing
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class PeriodView:
    """A closed period; `invoices` are (number, address) of the invoices that its lines are on."""

    id: str
    title: str
    plan: str
    total: str
    summary: str
    verify_href: str
    invoices: Sequence[tuple[str, str]]
    lines: Sequence[LineView]


@dataclass(frozen=True, slots=True)
class RunningView:
    """What the running period would come to: its days and lines (name, quantity, amount), as worked out at `as_of`."""

    title: str
    total: str
    lines: Sequence[tuple[str, str, str]]
    as_of: datetime
    verify_href: str


@dataclass(frozen=True, slots=True)
class UsageChargesView:
    """A page of periods, newest first. `only` names the invoice that the page is limited to."""

    zone: str
    span: str
    periods: Sequence[PeriodView]
    only: str | None
    empty: tuple[str, str]
    csv_href: str | None
    next_href: str | None
    first_href: str | None
    running: RunningView | None = None
