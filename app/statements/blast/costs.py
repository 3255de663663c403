"""What one organisation's period costs by the terms that it has, and what it would cost by another version's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from app.kit.money import ZERO
from app.kit.periods import Period, share_of_month
from app.rating import Charge
from app.statements.before_change import OwedBefore
from app.statements.blast.version import PricedVersion
from app.statements.figures import MeterUse, build_usage_terms, rate_usage
from app.statements.period import rate_by
from app.statements.queries import PeriodRow
from app.subscriptions.terms.facts import TermsFacts


@dataclass(frozen=True, slots=True)
class UsageUnder:
    """What a period's usage costs under a version, in minor units; `exceeded`: the meters used beyond its limits.

    `is_trial`: the plan was tried in the period, so no fee is charged for it.
    """

    amount: int
    currency: str
    exceeded: Sequence[int]
    is_trial: bool


def rate_as_is(
    rows: Sequence[PeriodRow], charges: Mapping[UUID, Charge], owed: Mapping[tuple[UUID, datetime], OwedBefore]
) -> int:
    """What a period's usage comes to by its own terms: what the close would bill.

    `owed` by period: what those whose plan was changed owed before.
    """
    total = 0
    for row in rows:
        rated = rate_by(charges.get(row.charge_id) if row.charge_id else None, row, row.used)
        total += rated.rounded if rated else 0
    before = owed.get((rows[0].org_id, rows[0].starts_at))
    return max(total, before.amount if before else 0)


def rate_under(
    facts: TermsFacts, version: PricedVersion, agreed: Mapping[UUID, Charge], rows: Sequence[PeriodRow], now: datetime
) -> UsageUnder:
    """Rate a period's usage under a version, with what was agreed with the organisation: its charges are in `agreed`.

    What a limit would have refused is not billed, as in a replay.
    """
    head = rows[0]
    period = Period(head.starts_at, head.ends_at)
    known = replace(facts, rules={**facts.rules, version.version_id: version.rules})
    terms = known.resolve(period, version.version_id, now)
    used = {row.meter_id: row.used for row in rows if row.meter_id is not None}
    portion = share_of_month(period, head.time_zone)
    total, exceeded = 0, []
    for meter_id, resolved in terms.meters.items():
        quantity = used.get(meter_id, ZERO)
        charge_id = resolved.charge_id
        charge = (version.charges.get(charge_id) or agreed.get(charge_id)) if charge_id else None
        usage = replace(build_usage_terms(resolved, charge), minimum_portion=portion)
        if usage.cap is not None and quantity > usage.cap:
            exceeded.append(meter_id)
        rated = rate_usage(usage, MeterUse(_within(quantity, usage.cap)))
        total += rated.rounded if rated else 0
    return UsageUnder(total, terms.currency, exceeded, known.trial_in(period, version.rules) is not None)


def _within(quantity: Decimal, cap: Decimal | None) -> Decimal:
    return quantity if cap is None else min(quantity, cap)
