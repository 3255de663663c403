"""One plan about to be bought: the money today and next time, what changes, or what stands in the way. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from app.portal import billing_words as words
from app.portal.billing_standing import Standing
from app.portal.offers import Offer
from app.portal.plan_choice import ChoiceView
from app.portal.plans import INTERVALS, Seen, fee_of
from app.portal.views_models import Link


@dataclass(frozen=True)
class UpgradeView:
    """What templates/portal/billing_upgrade.html shows.

    `kind`: buy, or why not: current, role, off, agreement, paying (another plan runs at Stripe), default.
    `today` and `next_time` are amounts; `version` comes back with the form, so that nobody pays an unseen price.
    """

    kind: str
    plan: ChoiceView
    zone: str
    interval: str
    currency: str
    version: str
    today: str
    next_time: str
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
    amount = words.money(fee, seen.currency) if fee else ""
    visit = at.visit
    kind = _kind(offer, fee, seen, at, payments_on=payments_on)
    return UpgradeView(
        kind=kind,
        plan=choice,
        zone=at.time_zone,
        interval=interval,
        currency=seen.currency,
        version=str(offer.version_id),
        today=amount,
        next_time=amount,
        next_at=words.next_payment_at(at.as_of, interval) if kind == "buy" else None,
        held=at.plan_name,
        held_until=at.renews_at,
        held_cancels=at.cancels,
        offline=at.collection == "offline",
        intervals=_intervals(offer, seen, interval),
        currencies=[(each, _address(offer, interval, each), each == seen.currency) for each in currencies],
        resumes=visit is not None and (visit.plan_key, visit.interval, visit.currency)
        == (offer.key, interval, seen.currency),
        left=left,
        trouble=trouble,
    )  # fmt: skip


def _kind(offer: Offer, fee: int | None, seen: Seen, at: Standing, *, payments_on: bool) -> str:
    if at.plan_key == offer.key and (at.collection != "offline" or fee is None):
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
    return [(INTERVALS[each], _address(offer, each, seen.currency), each == shown) for each in known]


def _address(offer: Offer, interval: str, currency: str) -> str:
    return f"/billing/upgrade/{offer.key}?{urlencode({'interval': interval, 'currency': currency})}"
