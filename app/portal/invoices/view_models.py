"""View models of the page of usage charges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.portal.invoices.explanation import Explanation
from app.portal.invoices.standing import Standing
from app.portal.shell.issued import IssuedView


@dataclass(frozen=True, slots=True)
class LineView:
    """A line. `included` is None where nothing was rated; `charged`: it has an amount. `amount` is after discounts."""

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
    """A closed period; `invoices` are (number, address) of the invoices that its lines are on.

    `pdf_href` is None where only some of its lines are shown.
    """

    id: str
    title: str
    plan: str
    total: str
    summary: str
    pdf_href: str | None
    invoices: Sequence[tuple[str, str]]
    lines: Sequence[LineView]


@dataclass(frozen=True, slots=True)
class UsageChargesView:
    """A page of periods, newest first. `only` names the invoice that the page is limited to.

    `issued` is what that invoice says, if it is one of ours.
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
