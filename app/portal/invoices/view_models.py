"""View models of the page of usage charges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.portal.invoices.explain.events import EventsView
from app.portal.invoices.explain.explanation import Explanation
from app.portal.invoices.explain.tier_bars import TierBar
from app.portal.invoices.standing import Standing
from app.portal.shell.issued import IssuedView


@dataclass(frozen=True, slots=True)
class LineView:
    """A line. `included` is None where nothing was rated; `charged`: it has an amount. `amount` is after discounts.

    `events_href` is the page of its events.
    """

    id: str
    name: str
    quantity: str
    included: str | None
    amount: str
    charged: bool
    standing: Standing
    explanation: Explanation
    events_href: str | None


@dataclass(frozen=True, slots=True)
class LinePageView:
    """The page of a line: the line opened, drawn as bars, with its events."""

    line: LineView
    title: str
    span: str
    zone: str
    bars: Sequence[TierBar]
    events: EventsView
    csv_href: str
    invoice_href: str | None


@dataclass(frozen=True, slots=True)
class FeeRow:
    """A line of Stripe's that is no usage of ours: its words, the days it is for, its amount."""

    label: str
    days: str
    amount: str


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """The page of one invoice. `badge` is (label, tone, icon); `sums` are (name, amount), down to what is due."""

    title: str
    badge: tuple[str, str, str]
    total: str
    zone: str
    facts: Sequence[tuple[str, str]]
    fees: Sequence[FeeRow]
    lines: Sequence[LineView]
    sums: Sequence[tuple[str, str]]
    pay_href: str | None
    stripe_pdf_href: str | None
    pdf_href: str
    csv_href: str | None
    focus_href: str | None


@dataclass(frozen=True, slots=True)
class PeriodView:
    """A closed period; `invoices` are (number, address) of the invoices that its lines are on.

    `pdf_href` is None where only some of its lines are shown.
    """

    id: str
    title: str
    plan: str
    total: str
    summary: str
    pdf_href: str | None
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
    """A page of periods, newest first. `only` names the invoice that the page is limited to.

    `issued` is what that invoice says, if it is one of ours, and `focus_href` its FOCUS file. `months`, as addresses
    name them and in words, have such files of all that was billed in them.
    """

    zone: str
    span: str
    periods: Sequence[PeriodView]
    only: str | None
    empty: tuple[str, str]
    csv_href: str | None
    next_href: str | None
    first_href: str | None
    issued: IssuedView | None = None
    running: RunningView | None = None
    focus_href: str | None = None
    months: Sequence[tuple[str, str]] = ()
