"""Replays a period's usage on every plan: what it would have cost. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.kit.money import exponent, round_half_away, to_major
from app.rating import price
from app.statements.figures import MeterUse
from app.statements.offers import Offer
from app.statements.plan_context import PlanContext, find_monthly_fee


@dataclass(frozen=True)
class ReplayRow:
    """What the last period's usage would have cost on a plan."""

    plan: str
    amount: Decimal
    cheapest: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """Usage of a period by meter, and the period's name."""

    words: str
    use: Mapping[str, MeterUse]


def build_replay_rows(offers: Sequence[Offer], context: PlanContext, replay: Replay) -> list[ReplayRow]:
    """Price a period's usage on each plan, fee plus overage; the cheapest plan that fits is marked."""
    if not any(use.used for use in replay.use.values()):
        return []
    rows = [_replayed(offer, context, replay) for offer in offers]
    priced = [row for row in rows if row is not None]
    fitting = [row.amount for row in priced if row.note is None]
    lowest = min(fitting, default=None)
    cheapest = next((row for row in priced if row.note is None and row.amount == lowest), None)
    return [ReplayRow(row.plan, row.amount, cheapest=row is cheapest, note=row.note) for row in priced]


def _replayed(offer: Offer, context: PlanContext, replay: Replay) -> ReplayRow | None:
    fee = find_monthly_fee(offer, context)
    if fee is None:
        return None
    total, refused = round_half_away(fee), []
    for meter, use in replay.use.items():
        terms = offer.terms(meter, context.currency)
        cap = terms.refused_above
        if cap is not None and use.used > cap:
            refused.append(meter)
        if terms.charge is not None and terms.policy != "warn":
            counted = use.used if cap is None else min(use.used, cap)
            total += price(terms.charge, counted - use.unbilled, terms.allowance).rounded
    names = [offer.meters[meter].name for meter in refused]
    note = f"{', '.join(names)} would have been refused above the limit" if names else None
    return ReplayRow(offer.name, to_major(total, exponent(context.currency)), note=note)
