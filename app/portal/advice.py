"""What to do about a limit: which plan gives more, or whom to ask for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.portal import wording
from app.portal.figures import MeterFigures
from app.portal.offers import Offer
from app.portal.plans import Seen, fee_of, way
from app.portal.views_models import Person
from app.web.addresses import path_to
from app.web.filters import quantity

MAY_CHANGE_PLAN = frozenset({"owner", "admin", "billing"})
_NAMED = 2


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about a meter near its limit: words, and where a press on the prompt leads to."""

    words: str = ""
    href: str = field(default_factory=lambda: path_to("plans.index"))
    label: str = "Compare plans"


def larger_plan(meter: MeterFigures, offers: Sequence[Offer], seen: Seen) -> Advice:
    """What the next larger plan gives of the meter, with its price; without words when there is none."""
    mine = meter.terms.allowance
    if mine is None:
        return Advice()
    for offer in offers:
        granted = offer.meters.get(meter.key)
        if offer.key == seen.plan or granted is None:
            continue
        if granted.allowance is None or granted.allowance > mine:
            much = "unlimited" if granted.allowance is None else quantity(granted.allowance)
            price = _price(offer, seen)
            words = f"{offer.name} includes {much} {wording.units(meter.unit)}{f' for {price}' if price else ''}."
            place = way(offer, seen)
            return Advice(words, place, f"Upgrade to {offer.name}, {price}") if place and price else Advice(words)
    return Advice()


def whom_to_ask(people: Sequence[Person]) -> Advice:
    """Who of the org can change the plan, by name."""
    if not people:
        return Advice("Ask an owner of your organisation for a larger plan.")
    named = " or ".join(f"{each.name} ({each.email})" for each in people[:_NAMED])
    return Advice(f"Ask {named} for a larger plan.")


def _price(offer: Offer, seen: Seen) -> str:
    fee, interval = fee_of(offer, seen)
    return "" if fee is None else f"{wording.amount(fee, seen.currency).replace('.00', '')} a {interval}"
