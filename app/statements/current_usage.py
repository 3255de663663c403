"""The current period's figures of an org, computed once for pages, API, CSV and mail: the same number everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.kit.errors import NotFound
from app.kit.money import ZERO, exponent
from app.kit.periods import Period, month_of
from app.rating.schemas import parse_charge
from app.statements import queries
from app.statements.figures import MeterFigures, MeterUse, Pace, UsageTerms, figures
from app.statements.windows import windows_of

LATE = frozenset({"past_due", "unpaid"})
"""States of a subscription in which a payment failed and is owed."""


@dataclass(frozen=True)
class CurrentUsage:
    """Where an org stands at `as_of`. Amounts are in minor units of `currency`; `fee` is the plan's own for `interval`.

    `meters` come in the catalogue's order, those of the plan first; `collection` says who collects the plan's money.
    `late`: a payment failed and is owed; `limited`: it is overdue, and the Free plan's limits hold.
    """

    org_id: UUID
    plan_key: str | None
    plan_name: str
    plan_version: int | None
    plan_version_id: UUID | None
    interval: str
    currency: str
    fee: int
    period: Period
    time_zone: str
    as_of: datetime
    ever_used: bool
    meters: list[MeterFigures]
    collection: str = "none"
    late: bool = False
    limited: bool = False

    @property
    def fee_due(self) -> int:
        """What of the plan's fee belongs to this period: a yearly one is paid apart."""
        return self.fee if self.interval == "month" else 0

    @cached_property
    def usage_cost(self) -> int:
        """Usage so far: the sum of the rounded lines, as on the invoice."""
        return sum(meter.cost for meter in self.meters)

    @cached_property
    def exact_usage_cost(self) -> Decimal:
        """The same before rounding."""
        return sum((meter.exact_cost for meter in self.meters), ZERO)

    @property
    def cost(self) -> int:
        """Fee and usage so far."""
        return self.fee_due + self.usage_cost

    @cached_property
    def projected_cost(self) -> int:
        """Fee and usage at the period's end, at the present pace."""
        return self.fee_due + sum(meter.projected_cost for meter in self.meters)

    @cached_property
    def fullest(self) -> MeterFigures | None:
        """The meter nearest to or furthest above its limit; None when none has a limit."""
        limited = [meter for meter in self.meters if meter.percent is not None]
        return max(limited, key=lambda meter: (meter.percent or 0, meter.use.used), default=None)


def current_usage(session: Session, org_id: UUID, now: datetime) -> CurrentUsage:
    """The figures at `now`, in one statement; `NotFound` when there is no such org."""
    rows = queries.current(session, org_id, now)
    if not rows:
        raise NotFound("There is no such organisation.")
    head = rows[0]
    period = Period(head.starts_at, head.ends_at) if head.starts_at else month_of(now, head.time_zone)
    pace = Pace(period, head.org_since, now)
    return CurrentUsage(
        org_id=org_id,
        plan_key=head.plan_key,
        plan_name=head.plan_name or "No plan",
        plan_version=head.plan_version,
        plan_version_id=head.plan_version_id,
        interval=head.interval or "month",
        currency=head.currency,
        fee=head.fee or 0,
        period=period,
        time_zone=head.time_zone,
        as_of=now,
        ever_used=head.ever_used,
        meters=[_figures(row, pace) for row in rows if row.key is not None],
        collection=head.collection or "none",
        late=head.state in LATE,
        limited=head.free_limits,
    )


def terms_of(row: Row[Any] | Any, currency: str) -> UsageTerms:
    """What holds for the meter of a row with policy, allowance, hard_limit, model and properties.

    A meter that the plan does not mention is recorded, unlimited and not billed.
    """
    if not row.limited:
        return UsageTerms()
    charge = parse_charge(row.model, _properties(row.properties), exponent(currency)) if row.model else None
    return UsageTerms(row.policy, row.allowance, row.hard_limit, charge)


def _properties(value: Any) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = value
    return properties


def _figures(row: Row[Any], pace: Pace) -> MeterFigures:
    return figures(
        row.key,
        row.name,
        row.unit,
        row.aggregation,
        terms=terms_of(row, row.currency),
        use=MeterUse(row.used, row.reserved, row.unbilled),
        pace=pace,
        windows=windows_of(row.windows),
    )
