"""The plans page's view: columns, and buttons that say what they do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from app.kit.money import exponent, to_major
from app.portal.plans.view_models import PlanColumn, PlansView
from app.portal.shell.links import Link, comparison_url, upgrade_url
from app.statements import comparison, wording
from app.statements.offers import Offer
from app.statements.plan_context import INTERVALS, PlanContext, fee_of, is_sold, monthly_fee
from app.statements.replay import Replay, replay_rows
from app.web.addresses import path_to
from app.web.filters import quantity

_HIGHLIGHTS = 4


def plans_view(
    offers: Sequence[Offer], seen: PlanContext, currencies: Sequence[str], replay: Replay | None
) -> PlansView:
    """Assemble the page from the plans that have a price in the chosen currency."""
    shown = [offer for offer in offers if is_sold(offer, seen)]
    replayed = replay_rows(shown, seen, replay) if replay else []
    best = next((row.plan for row in replayed if row.cheapest), None)
    return PlansView(
        currency=seen.currency,
        interval=seen.interval,
        intervals=_intervals(offers, seen),
        currencies=[(each, comparison_url(seen, currency=each), each == seen.currency) for each in currencies],
        plans=[_column(offer, shown, seen, suggested=offer.name == best) for offer in shown],
        groups=comparison.groups(shown, seen.currency),
        tax_note=f"Prices in {seen.currency}, before tax. What is above an allowance is billed by the month.",
        replay=replayed,
        replay_period=replay.words if replay else None,
    )


def _column(offer: Offer, shown: Sequence[Offer], seen: PlanContext, *, suggested: bool) -> PlanColumn:
    fee, interval = fee_of(offer, seen)
    current = offer.key == seen.plan
    label, href = _button(offer, shown, seen)
    return PlanColumn(
        key=offer.key,
        name=offer.name,
        summary=offer.summary,
        price=None if fee is None else to_major(fee, exponent(seen.currency)),
        price_note=_price_note(fee, interval, seen),
        button_label=None if current else label,
        button_href=None if current else href,
        current=current,
        suggested=suggested and not current,
        highlights=_highlights(offer),
    )


def _price_note(fee: int | None, interval: str, seen: PlanContext) -> str:
    if fee is None:
        return "By agreement"
    if fee == 0:
        return "No card needed"
    if interval == "year":
        return f"{wording.amount(Decimal(fee) / 12, seen.currency)} a month, paid by the year"
    return "Paid by the month only" if seen.interval == "year" else "Paid by the month"


def _button(offer: Offer, shown: Sequence[Offer], seen: PlanContext) -> tuple[str, str]:
    """What a press does, in words, and where it leads."""
    if seen.plan is None and offer.is_default:
        return "Create an account", path_to("accounts.sign_up_page")
    fee, interval = fee_of(offer, seen)
    place = upgrade_url(offer, seen) or path_to(
        "plans.choose", key=offer.key, interval=seen.interval, currency=seen.currency
    )
    if fee is None or not seen.may_change:
        return f"Ask for {offer.name}", place
    money = f"{wording.amount(fee, seen.currency).replace('.00', '')} a {interval}"
    if seen.plan is None:
        return f"Choose {offer.name}, {money}", place
    held = next((monthly_fee(each, seen) for each in shown if each.key == seen.plan), None)
    mine = monthly_fee(offer, seen)
    if held is not None and mine is not None and mine < held:
        return f"Downgrade to {offer.name}", place
    return f"Upgrade, {money}", place


def _highlights(offer: Offer) -> list[str]:
    points = []
    for meter in offer.meters.values():
        if meter.allowance != 0:
            amount = "Unlimited" if meter.allowance is None else quantity(meter.allowance)
            points.append(f"{amount} {_within(meter.name)} a month")
    return points[:_HIGHLIGHTS]


def _within(name: str) -> str:
    """A meter's name inside a sentence: Minutes are minutes, API calls stay API calls."""
    return name if name[1:2].isupper() else f"{name[:1].lower()}{name[1:]}"


def _intervals(offers: Sequence[Offer], seen: PlanContext) -> list[Link]:
    known = {interval for offer in offers for currency, interval in offer.prices if currency == seen.currency}
    return [
        (words, comparison_url(seen, interval=key), key == seen.interval)
        for key, words in INTERVALS.items()
        if key in known
    ]
