"""Replays a period's usage on every plan: what it would have cost, and which plan fits. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from app.kit.money import ZERO, exponent, round_half_away, to_major
from app.statements.figures import MeterUse, rate_usage
from app.statements.offers import Offer
from app.statements.plan_context import PlanContext, find_monthly_fee


@dataclass(frozen=True)
class ReplayRow:
    """What a period's usage would have cost on a plan."""

    plan: str
    amount: Decimal
    cheapest: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """What was used of each meter in a period, imports included, and the period's name.

    `now` is what the running period needs: what is used already, or its forecast if that is more. No plan that refuses
    it is recommended. `owed` is what this usage costs on the plan in force, in minor units, with all that was agreed:
    the running period's own figure. None: not known in the
    currency that is looked at, or imports, which nobody owes, are part of it.
    """

    words: str
    used: Mapping[str, Decimal]
    now: Mapping[str, Decimal] = field(default_factory=dict)
    owed: int | None = None


def build_replay_rows(offers: Sequence[Offer], context: PlanContext, replay: Replay) -> list[ReplayRow]:
    """Price a period's usage on each plan, fee plus overage; the cheapest plan that fits is marked."""
    if not any(replay.used.values()):
        return []
    rows = [(offer, _price(offer, context, replay.used, replay)) for offer in offers]
    best = _find_cheapest(offers, context, replay.used, replay)
    places = exponent(context.currency)
    return [
        ReplayRow(offer.name, to_major(amount, places), cheapest=offer is best, note=_note(offer, context, replay))
        for offer, amount in rows
        if amount is not None
    ]


def find_best_fit(offers: Sequence[Offer], context: PlanContext, replay: Replay) -> str | None:
    """The name of the plan that costs least for what the running period needs, or the last one if that was more."""
    needed = {meter: max(replay.used.get(meter, ZERO), used) for meter, used in replay.now.items()}
    best = _find_cheapest(offers, context, dict(replay.used) | needed, replay)
    return best.name if best else None


def _find_cheapest(
    offers: Sequence[Offer], context: PlanContext, used: Mapping[str, Decimal], replay: Replay
) -> Offer | None:
    """The cheapest plan for this usage, among those that would have refused nothing and refuse nothing now."""
    fitting = [
        (amount, number)
        for number, offer in enumerate(offers)
        if (amount := _price(offer, context, used, replay)) is not None and _note(offer, context, replay) is None
    ]
    return offers[min(fitting)[1]] if fitting and any(used.values()) else None


def _price(offer: Offer, context: PlanContext, used: Mapping[str, Decimal], replay: Replay) -> int | None:
    """Fee and usage in minor units; what a cap would have refused is not billed. None: a custom price."""
    fee = find_monthly_fee(offer, context)
    if fee is None:
        return None
    total = round_half_away(fee)
    if replay.owed is not None and offer.key == context.plan and used == replay.used:
        return total + replay.owed
    for meter, quantity in used.items():
        terms = offer.terms(meter, context.currency)
        rated = rate_usage(terms, MeterUse(quantity if terms.cap is None else min(quantity, terms.cap)))
        total += rated.rounded if rated else 0
    return total


def _note(offer: Offer, context: PlanContext, replay: Replay) -> str | None:
    """What the plan would have refused, or would refuse in the running period."""
    if names := _list_refused(offer, context, replay.used):
        return f"{names} would have been refused above the limit"
    if names := _list_refused(offer, context, replay.now):
        return f"{names} would be refused above the limit in the running period"
    return None


def _list_refused(offer: Offer, context: PlanContext, used: Mapping[str, Decimal]) -> str:
    caps = {meter: offer.terms(meter, context.currency).cap for meter in used}
    return ", ".join(offer.meters[meter].name for meter, cap in caps.items() if cap is not None and used[meter] > cap)
