"""What a period's use would have cost on each plan. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.kit.money import exponent, round_half_away, to_major
from app.rating import price
from app.statements.figures import MeterUse
from app.statements.offers import Offer
from app.statements.plan_context import PlanContext, monthly_fee


@dataclass(frozen=True)
class ReplayRow:
    """What the last period's usage would have cost on a plan."""

    plan: str
    amount: Decimal
    cheapest: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """What was used in a period, by meter, and the period's words."""

    words: str
    use: Mapping[str, MeterUse]


def replay_rows(offers: Sequence[Offer], seen: PlanContext, replay: Replay) -> list[ReplayRow]:
    """What a period's use would have cost on each plan, fee and overage together; the cheapest that fits is marked."""
    if not any(each.used for each in replay.use.values()):
        return []
    rows = [_replayed(offer, seen, replay) for offer in offers]
    found = [row for row in rows if row is not None]
    fitting = [row.amount for row in found if row.note is None]
    least = min(fitting, default=None)
    marked = next((row for row in found if row.note is None and row.amount == least), None)
    return [ReplayRow(row.plan, row.amount, cheapest=row is marked, note=row.note) for row in found]


def _replayed(offer: Offer, seen: PlanContext, replay: Replay) -> ReplayRow | None:
    fee = monthly_fee(offer, seen)
    if fee is None:
        return None
    total, refused = round_half_away(fee), []
    for meter, use in replay.use.items():
        terms = offer.terms(meter, seen.currency)
        most = terms.refused_above
        if most is not None and use.used > most:
            refused.append(meter)
        if terms.charge is not None and terms.policy != "warn":
            counted = use.used if most is None else min(use.used, most)
            total += price(terms.charge, counted - use.unbilled, terms.allowance).rounded
    names = [offer.meters[meter].name for meter in refused]
    note = f"{', '.join(names)} would have been refused above the limit" if names else None
    return ReplayRow(offer.name, to_major(total, exponent(seen.currency)), note=note)
