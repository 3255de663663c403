"""The plans page's view: columns, buttons that say what they do, and the own last period priced on each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.kit.money import exponent, round_half_away, to_major
from app.portal import comparison, wording
from app.portal.figures import Use
from app.portal.offers import Offer
from app.portal.views_models import Link, PlanColumn, PlansView, ReplayRow
from app.rating import price
from app.web.addresses import path_to
from app.web.filters import quantity

INTERVALS = {"month": "Monthly", "year": "Yearly"}
_HIGHLIGHTS = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """By whom and how the page is seen. `plan` is None for a visitor; `paying`: Stripe collects for the own one."""

    currency: str
    interval: str = "month"
    plan: str | None = None
    may_change: bool = True
    paying: bool = False


@dataclass(frozen=True, slots=True)
class Replay:
    """What was used in a period, by meter, and the period's words."""

    words: str
    use: Mapping[str, Use]


def plans_view(offers: Sequence[Offer], seen: Seen, currencies: Sequence[str], replay: Replay | None) -> PlansView:
    """Assemble the page from the plans that have a price in the chosen currency."""
    shown = [offer for offer in offers if sold(offer, seen)]
    replayed = replay_rows(shown, seen, replay) if replay else []
    best = next((row.plan for row in replayed if row.cheapest), None)
    return PlansView(
        currency=seen.currency,
        interval=seen.interval,
        intervals=_intervals(offers, seen),
        currencies=[(each, address(seen, currency=each), each == seen.currency) for each in currencies],
        plans=[_column(offer, shown, seen, suggested=offer.name == best) for offer in shown],
        groups=comparison.groups(shown, seen.currency),
        tax_note=f"Prices in {seen.currency}, before tax. What is above an allowance is billed by the month.",
        replay=replayed,
        replay_period=replay.words if replay else None,
    )


def currencies_of(offers: Sequence[Offer]) -> list[str]:
    """Every currency that some plan has a price in."""
    return sorted({currency for offer in offers for currency, _ in offer.prices})


def sold(offer: Offer, seen: Seen) -> bool:
    """Whether the plan is shown: it has a price in the currency, has none at all (by agreement), or is the own one."""
    return not offer.prices or offer.key == seen.plan or any(each == seen.currency for each, _ in offer.prices)


def fee_of(offer: Offer, seen: Seen) -> tuple[int | None, str]:
    """The fee in minor units and the interval that it is for: monthly where the plan has no yearly price."""
    fee = offer.fee(seen.currency, seen.interval)
    if fee is None and seen.interval == "year":
        return offer.fee(seen.currency, "month"), "month"
    return fee, seen.interval


def monthly(offer: Offer, seen: Seen) -> Decimal | None:
    """The fee of one month, exact in minor units; None by agreement."""
    fee, interval = fee_of(offer, seen)
    if fee is None:
        return None
    return Decimal(fee) / (12 if interval == "year" else 1)


def replay_rows(offers: Sequence[Offer], seen: Seen, replay: Replay) -> list[ReplayRow]:
    """What a period's use would have cost on each plan, fee and overage together; the cheapest that fits is marked."""
    if not any(each.used for each in replay.use.values()):
        return []
    rows = [_replayed(offer, seen, replay) for offer in offers]
    found = [row for row in rows if row is not None]
    fitting = [row.amount for row in found if row.note is None]
    least = min(fitting, default=None)
    marked = next((row for row in found if row.note is None and row.amount == least), None)
    return [ReplayRow(row.plan, row.amount, cheapest=row is marked, note=row.note) for row in found]


def _replayed(offer: Offer, seen: Seen, replay: Replay) -> ReplayRow | None:
    fee = monthly(offer, seen)
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


def _column(offer: Offer, shown: Sequence[Offer], seen: Seen, *, suggested: bool) -> PlanColumn:
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


def _price_note(fee: int | None, interval: str, seen: Seen) -> str:
    if fee is None:
        return "By agreement"
    if fee == 0:
        return "No card needed"
    if interval == "year":
        return f"{wording.amount(Decimal(fee) / 12, seen.currency)} a month, paid by the year"
    return "Paid by the month only" if seen.interval == "year" else "Paid by the month"


def way(offer: Offer, seen: Seen) -> str | None:
    """Where somebody who may change the plan gets this one, or leaves for it; None where people must be asked."""
    if seen.plan is None or not seen.may_change:
        return None
    fee, _ = fee_of(offer, seen)
    if offer.is_default:
        return path_to("billing.confirm_cancel") if seen.paying else None
    return upgrade_address(offer.key, seen.interval, seen.currency) if fee else None


def _button(offer: Offer, shown: Sequence[Offer], seen: Seen) -> tuple[str, str]:
    """What a press does, in words, and where it leads."""
    if seen.plan is None and offer.is_default:
        return "Create an account", path_to("accounts.sign_up_page")
    fee, interval = fee_of(offer, seen)
    place = way(offer, seen) or path_to("plans.choose", key=offer.key, interval=seen.interval, currency=seen.currency)
    if fee is None or not seen.may_change:
        return f"Ask for {offer.name}", place
    money = f"{wording.amount(fee, seen.currency).replace('.00', '')} a {interval}"
    if seen.plan is None:
        return f"Choose {offer.name}, {money}", place
    held = next((monthly(each, seen) for each in shown if each.key == seen.plan), None)
    mine = monthly(offer, seen)
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


def _intervals(offers: Sequence[Offer], seen: Seen) -> list[Link]:
    known = {interval for offer in offers for currency, interval in offer.prices if currency == seen.currency}
    return [
        (words, address(seen, interval=key), key == seen.interval) for key, words in INTERVALS.items() if key in known
    ]


def address(seen: Seen, *, interval: str | None = None, currency: str | None = None) -> str:
    """The comparison as it is seen, or by another interval or currency."""
    return path_to("plans.index", interval=interval or seen.interval, currency=currency or seen.currency)


def upgrade_address(key: str, interval: str, currency: str) -> str:
    """The page that sells a plan at one of its prices."""
    return path_to("billing.upgrade", key=key, interval=interval, currency=currency)
