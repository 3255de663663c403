"""An organisation's figures for the current period. Pages, API, CSV and mail all read these, so the numbers agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.forecast import LEAST_ELAPSED, MOST_DAYS
from app.kit.errors import NotFound, Unavailable
from app.kit.money import ZERO
from app.kit.periods import Period, month_of, share_of_month
from app.rating.schemas import parse_charge
from app.statements import queries
from app.statements.ahead import MeterDays, Pace
from app.statements.before_change import get_owed_before
from app.statements.figures import MeterFigures, MeterUse, UsageTerms, build_usage_terms, compute_figures
from app.statements.windows import parse_windows
from app.subscriptions.states import LATE
from app.subscriptions.terms.in_force import preview_terms
from app.subscriptions.terms.resolver import CAP, PLAN
from app.subscriptions.terms.restriction import is_restricted


@dataclass(frozen=True)
class CurrentUsage:
    """An organisation's usage and cost at `as_of`. Amounts are minor units of `currency`; `fee` is per `interval`.

    `meters` are in catalogue order, the plan's own first. `collection` says who collects the plan's fee;
    `own_price`: it is one made by hand at Stripe, which `fee` leaves out. `late` means a
    failed payment is owed; `limited` means it is overdue or the plan paused, and the Free plan's limits apply.
    `is_trial`: the plan is being tried in this period, so neither fee nor usage is charged.
    `owed_before` is what the period's usage came to before its plan was changed: it owes no less.
    `moves`: staff have announced another version or plan.
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
    own_price: bool = False
    late: bool = False
    limited: bool = False
    owed_before: int = 0
    is_trial: bool = False
    moves: bool = False

    @property
    def today(self) -> date:
        """The running day of the organisation."""
        return self.as_of.astimezone(ZoneInfo(self.time_zone)).date()

    @property
    def paid_interval(self) -> str | None:
        """The interval by which Stripe collects the plan's fee; None: it does not."""
        return self.interval if self.collection == "stripe" else None

    @property
    def has_forecast(self) -> bool:
        """Whether days before the period tell its course, or it is old enough to tell its pace."""
        return self.as_of - self.period.start >= LEAST_ELAPSED or any(meter.ahead for meter in self.meters)

    @property
    def fee_due(self) -> int:
        """The part of the plan's fee that belongs to this period; a yearly fee is paid separately, a trial is free."""
        return self.fee if self.interval == "month" and not self.is_trial else 0

    @cached_property
    def usage_cost(self) -> int:
        """Cost of usage so far: the sum of rounded lines, as on the invoice."""
        return max(sum(meter.cost for meter in self.meters), self.owed_before)

    @property
    def extra_before_change(self) -> int:
        """The part of `usage_cost` that the period owes only because of its usage before the plan was changed."""
        return self.usage_cost - sum(meter.cost for meter in self.meters)

    @cached_property
    def exact_usage_cost(self) -> Decimal:
        """Cost of usage so far, before rounding."""
        return max(sum((meter.exact_cost for meter in self.meters), ZERO), Decimal(self.owed_before))

    @property
    def cost(self) -> int:
        """Fee plus usage so far."""
        return self.fee_due + self.usage_cost

    @cached_property
    def projected_usage_cost(self) -> int:
        """Cost of usage at the period's end, by the forecast of each meter."""
        return max(sum(meter.projected_cost for meter in self.meters), self.owed_before)

    @property
    def projected_cost(self) -> int:
        """Fee plus usage at the period's end, by the forecast of each meter."""
        return self.fee_due + self.projected_usage_cost


def get_current_usage(session: Session, org_id: UUID, now: datetime, *, ahead: bool = True) -> CurrentUsage:
    """Compute the figures at `now`, from a single query once the org's terms are resolved and no change was in between.

    Without `ahead` the days before are not read: for those who want no forecast, such as the rehearsal of many orgs.
    Raises `NotFound` if the organisation does not exist.
    """
    rows = queries.list_current_rows(session, org_id, now, back=MOST_DAYS if ahead else 0)
    if not rows:
        raise NotFound("There is no such organisation.")
    head = rows[0]
    preview = _find_preview(session, org_id, rows, now)
    currency, interval = head.currency or (preview.currency if preview else "USD"), head.interval or "month"
    period = Period(head.starts_at, head.ends_at) if head.starts_at else month_of(now, head.time_zone)
    pace = Pace(period, head.org_since, now, head.time_zone)
    return CurrentUsage(
        org_id=org_id,
        plan_key=head.plan_key,
        plan_name=head.plan_name or "No plan",
        plan_version=head.plan_version,
        plan_version_id=head.plan_version_id,
        interval=interval,
        currency=currency,
        fee=0 if head.own_price else (head.fees or {}).get(f"{currency} {interval}", 0),
        period=period,
        time_zone=head.time_zone,
        as_of=now,
        ever_used=head.ever_used,
        meters=_list_figures(rows, preview, currency, pace),
        collection=head.collection or "none",
        own_price=head.own_price,
        late=head.state in LATE,
        limited=is_restricted(head.limited_at, head.restriction_lifted_until, now),
        owed_before=_find_owed_before(session, org_id, head),
        is_trial=head.is_trial,
        moves=head.moves,
    )


def _find_owed_before(session: Session, org_id: UUID, head: Row[Any]) -> int:
    if not head.plan_changed:
        return 0
    owed = get_owed_before(session, org_id, head.starts_at, head.ends_at)
    return owed[head.starts_at].amount if head.starts_at in owed else 0


@dataclass(frozen=True, slots=True)
class _Preview:
    """Terms that the org will have once they are resolved."""

    currency: str
    meters: Mapping[int, UsageTerms]
    windows: Mapping[int, Any]


def _find_preview(session: Session, org_id: UUID, rows: queries.Rows, now: datetime) -> _Preview | None:
    """Resolve terms in memory where they are not stored yet, in an org's first minute, or have run out.

    A meter without a row in a resolved period is newer than the period: the plan does not mention it.
    """
    if rows[0].currency is not None and not any(row.expired for row in rows):
        return None
    try:
        terms = preview_terms(session, org_id, now)
    except Unavailable:  # no catalogue yet
        return None
    charges = queries.get_charges(session, [found.charge_id for found in terms.meters.values() if found.charge_id])
    meters = {
        meter_id: build_usage_terms(found, charges.get(found.charge_id) if found.charge_id else None)
        for meter_id, found in terms.meters.items()
        if found.mentioned
    }
    return _Preview(terms.currency, meters, queries.get_windows(session, org_id, terms.meters, now))


def _list_figures(rows: queries.Rows, preview: _Preview | None, currency: str, pace: Pace) -> list[MeterFigures]:
    """The figures of the meters that the plan mentions, then of others that were used."""
    listed: list[MeterFigures] = []
    others: list[MeterFigures] = []
    for row in rows:
        if preview is None:
            mentioned, terms, windows = bool(row.mentioned), _read_terms(row, currency), row.windows
        else:
            mentioned, terms = row.meter_id in preview.meters, preview.meters.get(row.meter_id, UsageTerms())
            windows = preview.windows.get(row.meter_id)
        if mentioned or row.counted:
            (listed if mentioned else others).append(_figures(row, terms, windows, pace))
    return listed + others


def _read_terms(row: Row[Any], currency: str) -> UsageTerms:
    if not row.resolved:
        return UsageTerms()
    charge = parse_charge(row.model, row.properties, currency) if row.model else None
    portion = share_of_month(Period(row.starts_at, row.ends_at), row.time_zone)
    return UsageTerms(row.policy, row.allowance, row.cap, charge, row.sources.get(CAP, PLAN), portion)


def _figures(row: Row[Any], terms: UsageTerms, windows: Any, pace: Pace) -> MeterFigures:
    return compute_figures(
        row.key,
        row.name,
        row.unit,
        row.aggregation,
        terms=terms,
        use=MeterUse(row.used, row.reserved, row.imported),
        pace=pace,
        windows=parse_windows(windows),
        days=MeterDays(_parse_days(row.days), _parse_days(row.refused)),
    )


def _parse_days(days: Mapping[str, str] | None) -> dict[date, Decimal]:
    return {date.fromisoformat(day): Decimal(quantity) for day, quantity in (days or {}).items()}
