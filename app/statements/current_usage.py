"""An organisation's figures for the current period. Pages, API, CSV and mail all read these, so the numbers agree."""

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
from app.statements.figures import MeterFigures, MeterUse, Pace, UsageTerms, compute_figures
from app.statements.windows import parse_windows
from app.subscriptions.states import LATE


@dataclass(frozen=True)
class CurrentUsage:
    """An organisation's usage and cost at `as_of`. Amounts are minor units of `currency`; `fee` is per `interval`.

    `meters` are in catalogue order, the plan's own first. `collection` says who collects the plan's fee. `late` means a
    failed payment is owed; `limited` means it is overdue and the Free plan's limits apply.
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
        """The part of the plan's fee that belongs to this period; a yearly fee is paid separately."""
        return self.fee if self.interval == "month" else 0

    @cached_property
    def usage_cost(self) -> int:
        """Cost of usage so far: the sum of rounded lines, as on the invoice."""
        return sum(meter.cost for meter in self.meters)

    @cached_property
    def exact_usage_cost(self) -> Decimal:
        """Cost of usage so far, before rounding."""
        return sum((meter.exact_cost for meter in self.meters), ZERO)

    @property
    def cost(self) -> int:
        """Fee plus usage so far."""
        return self.fee_due + self.usage_cost

    @cached_property
    def projected_cost(self) -> int:
        """Fee plus usage at the period's end, at the current pace."""
        return self.fee_due + sum(meter.projected_cost for meter in self.meters)


def get_current_usage(session: Session, org_id: UUID, now: datetime) -> CurrentUsage:
    """Compute the figures at `now` from a single query. Raises `NotFound` if the organisation does not exist."""
    rows = queries.list_current_rows(session, org_id, now)
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


def build_usage_terms(row: Row[Any] | Any, currency: str) -> UsageTerms:
    """Build the terms of a meter from a row with policy, allowance, hard_limit, model and properties.

    A meter the plan doesn't mention is recorded, unlimited and not billed.
    """
    if not row.limited:
        return UsageTerms()
    charge = parse_charge(row.model, _properties(row.properties), exponent(currency)) if row.model else None
    return UsageTerms(row.policy, row.allowance, row.hard_limit, charge)


def _properties(value: Any) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = value
    return properties


def _figures(row: Row[Any], pace: Pace) -> MeterFigures:
    return compute_figures(
        row.key,
        row.name,
        row.unit,
        row.aggregation,
        terms=build_usage_terms(row, row.currency),
        use=MeterUse(row.used, row.reserved, row.unbilled),
        pace=pace,
        windows=parse_windows(row.windows),
    )
