"""Upgrade hints: which plan raises a limit, or who can approve it. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.portal.shell.links import upgrade_url
from app.portal.shell.people import PlanManager
from app.statements import wording
from app.statements.figures import MeterFigures
from app.statements.offers import Offer
from app.statements.plan_context import PlanContext, find_fee
from app.web.addresses import path_to
from app.web.filters import quantity

_NAMED = 2


@dataclass(frozen=True, slots=True)
class UpgradeHint:
    """The hint for a meter near its limit: text, and the prompt's button."""

    words: str = ""
    href: str = field(default_factory=lambda: path_to("plans.index"))
    label: str = "Compare plans"


def hint_larger_plan(meter: MeterFigures, offers: Sequence[Offer], context: PlanContext) -> UpgradeHint:
    """What the next larger plan includes, with its price; an empty hint if there is none."""
    current_allowance = meter.terms.allowance
    if current_allowance is None:
        return UpgradeHint()
    for offer in offers:
        granted = offer.meters.get(meter.key)
        if offer.key == context.plan or granted is None:
            continue
        larger = granted.rule.allowance
        if larger is None or larger > current_allowance:
            much = "unlimited" if larger is None else quantity(larger)
            price = _price(offer, context)
            unit = wording.pluralise(meter.unit) if larger is None else wording.unit_for(larger, meter.unit)
            words = f"{offer.name} includes {much} {unit}{f' for {price}' if price else ''}."
            place = upgrade_url(offer, context)
            return (
                UpgradeHint(words, place, f"Upgrade to {offer.name}, {price}")
                if place and price
                else UpgradeHint(words)
            )
    return UpgradeHint()


def hint_whom_to_ask(people: Sequence[PlanManager]) -> UpgradeHint:
    """Name the members who can change the plan."""
    if not people:
        return UpgradeHint("Ask an owner of your organisation for a larger plan.")
    named = " or ".join(f"{person.name} ({person.email})" for person in people[:_NAMED])
    return UpgradeHint(f"Ask {named} for a larger plan.")


def _price(offer: Offer, context: PlanContext) -> str:
    fee, interval = find_fee(offer, context)
    return "" if fee is None else f"{wording.format_price(fee, context.currency)} a {interval}"
