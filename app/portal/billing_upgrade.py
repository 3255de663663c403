"""One plan about to be bought: the money today and next time, what changes, or what stands in the way. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.portal import billing_words, wording
from app.portal.billing_standing import Standing, Visit
from app.portal.offers import Offer
from app.portal.plan_choice import ChoiceView
from app.portal.plans import INTERVALS, Seen, fee_of, upgrade_address
from app.portal.views_models import Link


@dataclass(frozen=True)
class UpgradeView:
    """What templates/portal/billing_upgrade.html shows.

    `kind`: buy, or why not: current, role, off, agreement, paying (another plan runs at Stripe), default.
    `amount` is taken today and next time; `version` comes back with the form, so that nobody pays an unseen price.
    """

    kind: str
    plan: ChoiceView
    zone: str
    interval: str
    currency: str
    version: str
    amount: str
    next_at: datetime | None
    held: str
    held_until: datetime | None
    held_cancels: bool
    offline: bool
    intervals: Sequence[Link]
    currencies: Sequence[Link]
    resumes: bool
    left: bool
    trouble: str | None


def upgrade_view(
    offer: Offer,
    choice: ChoiceView,
    seen: Seen,
    at: Standing,
    *,
    currencies: Sequence[str],
    payments_on: bool,
    left: bool = False,
    trouble: str | None = None,
) -> UpgradeView:
    """Assemble the page of `offer` as `seen`; the money is the plan's own price, which Stripe charges before tax."""
    fee, interval = fee_of(offer, seen)
    kind = _kind(offer, fee, seen, at, payments_on=payments_on)
    return UpgradeView(
        kind=kind,
        plan=choice,
        zone=at.time_zone,
        interval=interval,
        currency=seen.currency,
        version=str(offer.version_id),
        amount=wording.amount(fee, seen.currency) if fee else "",
        next_at=billing_words.next_payment_at(at.as_of, interval) if kind == "buy" else None,
        held=at.plan_name,
        held_until=at.renews_at,
        held_cancels=at.cancels,
        offline=at.collection == "offline",
        intervals=_intervals(offer, seen, interval),
        currencies=[(each, upgrade_address(offer.key, interval, each), each == seen.currency) for each in currencies],
        resumes=at.visit == Visit(offer.key, interval, seen.currency),
        left=left,
        trouble=trouble,
    )


def _kind(offer: Offer, fee: int | None, seen: Seen, at: Standing, *, payments_on: bool) -> str:
    if at.plan_key == offer.key and (at.collection != "offline" or fee is None or not offer.public):
        return "current"
    if offer.is_default or fee == 0:
        return "default"
    if fee is None:
        return "agreement"
    if at.paid_by_stripe:
        return "paying"
    if not payments_on:
        return "off"
    return "buy" if seen.may_change else "role"


def _intervals(offer: Offer, seen: Seen, shown: str) -> list[Link]:
    known = [each for each in INTERVALS if offer.fee(seen.currency, each)]
    return [(INTERVALS[each], upgrade_address(offer.key, each, seen.currency), each == shown) for each in known]
