"""What to do about a limit: which plan gives more, or whom to ask for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.portal.shell.links import upgrade_url
from app.portal.shell.people import PlanManager
from app.statements import wording
from app.statements.figures import MeterFigures
from app.statements.offers import Offer
from app.statements.plan_context import PlanContext, fee_of
from app.web.addresses import path_to
from app.web.filters import quantity

_NAMED = 2


@dataclass(frozen=True, slots=True)
class UpgradeHint:
    """What to do about a meter near its limit: words, and where a press on the prompt leads to."""

    words: str = ""
    href: str = field(default_factory=lambda: path_to("plans.index"))
    label: str = "Compare plans"


def hint_larger_plan(meter: MeterFigures, offers: Sequence[Offer], seen: PlanContext) -> UpgradeHint:
    """What the next larger plan gives of the meter, with its price; without words when there is none."""
    mine = meter.terms.allowance
    if mine is None:
        return UpgradeHint()
    for offer in offers:
        granted = offer.meters.get(meter.key)
        if offer.key == seen.plan or granted is None:
            continue
        if granted.allowance is None or granted.allowance > mine:
            much = "unlimited" if granted.allowance is None else quantity(granted.allowance)
            price = _price(offer, seen)
            words = f"{offer.name} includes {much} {wording.units(meter.unit)}{f' for {price}' if price else ''}."
            place = upgrade_url(offer, seen)
            return (
                UpgradeHint(words, place, f"Upgrade to {offer.name}, {price}")
                if place and price
                else UpgradeHint(words)
            )
    return UpgradeHint()


def hint_whom_to_ask(people: Sequence[PlanManager]) -> UpgradeHint:
    """Who of the org can change the plan, by name."""
    if not people:
        return UpgradeHint("Ask an owner of your organisation for a larger plan.")
    named = " or ".join(f"{each.name} ({each.email})" for each in people[:_NAMED])
    return UpgradeHint(f"Ask {named} for a larger plan.")


def _price(offer: Offer, seen: PlanContext) -> str:
    fee, interval = fee_of(offer, seen)
    return "" if fee is None else f"{wording.amount(fee, seen.currency).replace('.00', '')} a {interval}"
