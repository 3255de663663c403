"""The blast radius of a plan version: bills, recurring revenue and limits that it would change, on real usage.

It answers what would change if every organisation on the plan were moved to the version, or those on one version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.catalog.models import Meter
from app.kit.batches import batched
from app.kit.money import round_half_away
from app.kit.periods import Period
from app.rating import Charge
from app.statements import queries as statements
from app.statements.before_change import OwedBefore, get_owed_before_of
from app.statements.blast import queries
from app.statements.blast.costs import UsageUnder, rate_as_is, rate_under
from app.statements.blast.effects import BlastRadius, CostChange, CurrencySums, OrgEffect, RevenueChange
from app.statements.blast.version import PricedVersion
from app.statements.blast.worse import TermsComparison
from app.statements.queries import PeriodRow
from app.subscriptions.terms.facts import TermsFacts, load_facts_of

MOST = 2000
"""Organisations whose usage is rated for the sums; fees are summed for all, and `list_effects` pages through all."""
_BATCH = 200


def find_blast_radius(
    session: Session, version: PricedVersion, now: datetime, *, number: int | None = None, most: int = MOST
) -> BlastRadius:
    """Find what a version would change for the organisations on its plan, or on its version `number` alone."""
    holders = queries.list_holders(session, version.plan_key, number, now, limit=most)
    effects = _find_effects(session, version, holders, now)
    return BlastRadius(
        orgs=holders[0].total if holders else 0,
        effects=sorted(effects, key=lambda each: (-abs(each.running.difference), each.name.lower())),
        sums=_sum_by_currency(effects),
        revenue=_sum_revenue(queries.list_fees(session, version.plan_key, number, now), version),
    )


def list_effects(
    session: Session, version: PricedVersion, now: datetime, number: int, *, after: UUID | None, limit: int
) -> list[OrgEffect]:
    """List what a version would change for the organisations on its version `number`, by id, from the one `after`."""
    holders = queries.list_holders(session, version.plan_key, number, now, limit=limit, after=after)
    return _find_effects(session, version, holders, now)


def find_org_effect(session: Session, version: PricedVersion, org_id: UUID, now: datetime) -> OrgEffect | None:
    """Find what a version would change for one organisation, on whichever plan; None: it has no usage period yet."""
    holders = queries.list_org(session, org_id, now)
    return next(iter(_find_effects(session, version, holders, now)), None)


def _find_effects(session: Session, version: PricedVersion, holders: queries.Rows, now: datetime) -> list[OrgEffect]:
    prices = queries.get_prices(session, {version.plan_key, *(row.plan_key for row in holders)})
    meters = catalog.get_meters_by_id(session)
    common = _Common(version, prices, meters, TermsComparison(version.version_id, now), now)
    return [
        _find_effect(session, row, known)
        for batch in batched(holders, _BATCH)
        for known in [_load_batch(session, batch, common)]
        for row in batch
    ]


def _load_batch(session: Session, holders: Sequence[Row[Any]], common: _Common) -> _Known:
    """Load what the effects of some organisations depend on, by as many statements as for one."""
    running = [(row.org_id, row.period_start) for row in holders]
    closed = [(row.org_id, row.closed_start) for row in holders if row.closed_start is not None]
    rows = statements.list_rows_of_periods(session, running + closed)
    changed = [key for key, group in rows.items() if group[0].plan_changed]
    versions = {row.plan_version_id for row in holders}
    facts = load_facts_of(session, [row.org_id for row in holders], versions)
    agreed = {each.id for found in facts.values() for each in found.overrides if each.currency is not None}
    named = {row.charge_id for group in rows.values() for row in group if row.charge_id}
    charges = statements.get_charges(session, named | agreed)
    return _Known(common, facts, rows, charges, get_owed_before_of(session, changed))


def find_monthly_price(amount: int, interval: str) -> int:
    """A fee per month, in minor units: a year's is divided by twelve, rounded half away.

    Worked example: 100.00 a year is 8.33 a month.
    """
    return round_half_away(Decimal(amount) / (12 if interval == "year" else 1))


@dataclass(frozen=True, slots=True)
class _Common:
    """What is read once for all organisations."""

    version: PricedVersion
    prices: Mapping[tuple[Any, str, str], int]
    meters: Mapping[int, Meter]
    comparison: TermsComparison
    now: datetime


@dataclass(frozen=True, slots=True)
class _Known:
    """What is read for a batch of organisations."""

    common: _Common
    facts: Mapping[UUID, TermsFacts]
    rows: Mapping[tuple[UUID, datetime], list[PeriodRow]]
    charges: Mapping[UUID, Charge]
    owed: Mapping[tuple[UUID, datetime], OwedBefore]


def _find_effect(session: Session, holder: Row[Any], known: _Known) -> OrgEffect:
    version, at = known.common.version, known.common.now
    facts = known.facts[holder.org_id]
    facts = replace(facts, rules={**facts.rules, version.version_id: version.rules})
    rows = known.rows[holder.org_id, holder.period_start]
    under = rate_under(facts, version, known.charges, rows, at)
    currency = holder.currency or under.currency
    fee = None if holder.own_price else version.fee(currency, holder.interval)
    due = _Fees(holder, known.common, currency, fee)
    effect = OrgEffect(
        org_id=holder.org_id,
        name=holder.name,
        number=holder.number,
        currency=currency,
        interval=holder.interval,
        running=due.add(holder.paid_version_id, rate_as_is(rows, known.charges, known.owed), under),
        closed=None,
        exceeded=[known.common.meters[meter_id].name for meter_id in under.exceeded],
        sold=holder.own_price or fee is not None,
        own_price=holder.own_price,
    )
    effect = replace(effect, at_once=_is_at_once(session, effect, due, facts, rows[0]))
    if holder.closed_start is None:
        return effect
    past = known.rows[holder.org_id, holder.closed_start]
    then = rate_as_is(past, known.charges, known.owed)
    would = rate_under(facts, version, known.charges, past, at)
    return replace(effect, closed=due.add(holder.closed_version_id, then, would))


def _is_at_once(session: Session, effect: OrgEffect, fees: _Fees, facts: TermsFacts, head: PeriodRow) -> bool:
    """Whether nothing becomes dearer: not the fee, not what is used by now, and not what can still be used."""
    if not effect.sold or fees.rises or effect.running.difference > 0 or effect.exceeded:
        return False
    period, known = Period(head.starts_at, head.ends_at), fees.known
    return not known.comparison.is_worse(session, facts, fees.holder.plan_version_id, period)


@dataclass(frozen=True, slots=True)
class _Fees:
    """The fee that belongs to a usage period: that of a month; a year's is paid apart, a trial is free, a price made by
    hand is kept.
    """

    holder: Row[Any]
    known: _Common
    currency: str
    fee: int | None

    @property
    def rises(self) -> bool:
        """Whether the fee is higher at the interval that is paid."""
        if self.holder.own_price:
            return False
        return (self.fee or 0) > self.known.prices.get(
            (self.holder.paid_version_id, self.currency, self.holder.interval), 0
        )

    def add(self, version_id: UUID, usage: int, under: UsageUnder) -> CostChange:
        """Add them to what a period's usage came to, and would have come to. `version_id` is the period's version."""
        if self.holder.interval != "month" or self.holder.own_price or under.is_trial:
            return CostChange(usage, under.amount)
        paid = self.known.prices.get((version_id, self.currency, "month"), 0)
        return CostChange(paid + usage, (self.fee or 0) + under.amount)


def _sum_by_currency(effects: Sequence[OrgEffect]) -> list[CurrencySums]:
    groups: dict[str, list[OrgEffect]] = defaultdict(list)
    for each in effects:
        if each.sold:
            groups[each.currency].append(each)
    return [
        CurrencySums(
            currency, len(group), _add([each.running for each in group]),
            _add([each.closed for each in group if each.closed is not None]),
        )
        for currency, group in sorted(groups.items())
    ]  # fmt: skip


def _sum_revenue(fees: queries.Rows, version: PricedVersion) -> list[RevenueChange]:
    groups: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in fees:
        groups[row.currency].append(row)
    return [_build_revenue(currency, rows, version) for currency, rows in groups.items()]


def _build_revenue(currency: str, rows: Sequence[Row[Any]], version: PricedVersion) -> RevenueChange:
    changes, orgs, unsold = [], 0, 0
    for row in rows:
        wanted = version.fee(currency, row.interval)
        orgs += row.orgs
        if wanted is None:
            unsold += row.orgs
            continue
        before = find_monthly_price(row.amount or 0, row.interval) * row.orgs
        changes.append(CostChange(before, find_monthly_price(wanted, row.interval) * row.orgs))
    return RevenueChange(currency, orgs, unsold, _add(changes))


def _add(changes: Sequence[CostChange]) -> CostChange:
    return CostChange(sum(each.before for each in changes), sum(each.after for each in changes))
