"""Shapes of the billing API's answers that several rooms make up: a change, its price, and whether usage fits."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from app.kit.fields import Instant
from app.payments.schemas import Span
from app.statements.fit.report import FitLine, FitReport
from app.statements.fit.wording import describe_line


class PlanFitLine(msgspec.Struct):
    """A limit or an allowance of the plan for a usage period, a day, an hour or a minute (`span`), and your usage.

    `now` is used so far, `expected` the running period's forecast where that is more, `worst` the most before: in the
    usage period `worst_period`, or on `worst_day`. `result`: `fits`, `refused`, `dearer` by `extra_cost` minor units
    for a period like that, or `unknown`, where such figures are not recorded. `words` say it.
    """

    meter: str
    span: Literal["period", "day", "hour", "minute"]
    limit: Decimal | None
    allowance: Decimal | None
    now: Decimal | None
    expected: Decimal | None
    worst: Decimal | None
    worst_period: Span | None
    worst_day: date | None
    result: Literal["fits", "dearer", "refused", "unknown"]
    extra_cost: int
    words: str


class PlanFit(msgspec.Struct):
    """The plan compared with the running usage period and the last `periods` before it, twelve at most.

    `fits`: nothing would be refused or become dearer, as far as it is known.
    """

    fits: bool
    periods: int
    lines: list[PlanFitLine]


class ChangeLine(msgspec.Struct):
    """A credit for unused time (below zero) or a charge, before discounts and tax."""

    description: str
    amount: int
    period: Span


class QuotedNext(msgspec.Struct):
    """The next payment after a change, with discounts and tax as they are today; before tax if a change is planned."""

    at: Instant
    amount: int


class ChangePreviewAnswer(msgspec.Struct):
    """What a change costs and when it takes effect.

    `timing`: `at_once` with a `quote`, which holds until `expires_at`; `at_period_end`; `choose`: yearly at once, or
    monthly at the period's end; `first`: `reason` says what comes before (`past_due`, `ending`, `no_card`, …);
    `checkout`: nothing is paid through Stripe yet, so `POST /subscription` opens a payment page, and `total` is before
    tax: 0 for a plan that is tried first, with the `next_payment` at the trial's end; `refused`: `same`, `default` or
    `no_price`.
    `amount_due` is charged today: `total` less the `balance` from earlier invoices. `usage_owed` is what the running
    period's usage stays owed though the new plan would include it. `fit` compares the plan with your usage; null for
    the plan you are on.
    """

    timing: Literal["at_once", "at_period_end", "choose", "first", "refused", "checkout"]
    reason: str | None
    quote: str | None
    expires_at: Instant | None
    currency: str
    lines: list[ChangeLine]
    discount: int
    tax: int
    total: int
    balance: int
    amount_due: int
    next_payment: QuotedNext | None
    usage_owed: int
    fit: PlanFit | None


def build_plan_fit(report: FitReport, zone: str) -> PlanFit:
    """The report as the API gives it."""
    return PlanFit(not report.misfits, report.periods, [_build_line(line, report, zone) for line in report.lines])


def _build_line(line: FitLine, report: FitReport, zone: str) -> PlanFitLine:
    period = line.worst_period
    return PlanFitLine(
        meter=line.meter,
        span=line.span,
        limit=line.limit,
        allowance=line.allowance,
        now=line.now,
        expected=line.expected,
        worst=line.worst,
        worst_period=Span(period.start, period.end) if period else None,
        worst_day=line.worst_day,
        result=line.verdict,
        extra_cost=line.extra if line.verdict == "dearer" else 0,
        words=describe_line(line, report, zone),
    )
