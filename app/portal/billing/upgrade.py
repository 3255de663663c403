"""One plan about to be bought: the money today and next time, what changes, or what stands in the way. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.portal.billing import words
from app.portal.billing.status import BillingStatus, OpenCheckout
from app.portal.billing.upgrade_obstacles import Wish, obstacle
from app.portal.shell.links import Link, purchase_url
from app.portal.shell.page_parts import Notice, Section, trouble_notice
from app.portal.shell.plan_detail import PlanDetailView
from app.statements import wording
from app.statements.offers import Offer
from app.statements.plan_context import INTERVALS, PlanContext, fee_of

LEFT = Notice(
    "info",
    "Nothing was charged",
    "You left Stripe's page before paying. It stays open for a day: go back to it, or choose something else.",
)
UNCHANGED = "Everything that is not listed stays as it is: members, keys, clients, and what you have used so far."


@dataclass(frozen=True)
class Purchase:
    """What is paid, and the form that leads there.

    `amount` is taken today and next time; `version` comes back with the form, so that nobody pays an unseen price.
    `notes` are (icon, words) below the button.
    """

    zone: str
    interval: str
    currency: str
    version: str
    amount: str
    next_at: datetime
    intervals: Sequence[Link]
    currencies: Sequence[Link]
    button: str
    notes: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class UpgradeView:
    """What templates/billing/upgrade.html shows: a purchase, or the obstacle in its way."""

    heading: str
    plan: PlanDetailView
    notice: Notice | None
    purchase: Purchase | None
    obstacle: Section | None
    changes_note: str | None


def upgrade_view(
    offer: Offer,
    choice: PlanDetailView,
    seen: PlanContext,
    at: BillingStatus,
    *,
    currencies: Sequence[str],
    payments_on: bool,
    left: bool = False,
    trouble: str | None = None,
) -> UpgradeView:
    """Assemble the page of `offer` as `seen`; the money is the plan's own price, which Stripe charges before tax."""
    fee, interval = fee_of(offer, seen)
    kind = _kind(offer, fee, seen, at, payments_on=payments_on)
    amount = wording.amount(fee, seen.currency) if fee else ""
    buys = kind == "buy"
    return UpgradeView(
        heading=heading(kind, offer.name),
        plan=choice,
        notice=trouble_notice(trouble) if trouble else LEFT if left else None,
        purchase=_purchase(offer, seen, at, currencies, amount) if buys else None,
        obstacle=None if buys else obstacle(kind, Wish(choice, amount, interval, at)),
        changes_note=None if kind == "current" else UNCHANGED,
    )


def heading(kind: str, plan: str) -> str:
    """What the page is called."""
    return plan if kind == "current" else f"Upgrade to {plan}"


def button(amount: str, *, resumes: bool) -> str:
    """What the press does: it opens Stripe's page, or `resumes` the one that is open."""
    return f"Go back to payment, {amount} today" if resumes else f"Go to payment, {amount} today"


def notes(plan: str, held: str, *, offline: bool) -> list[tuple[str, str]]:
    """What to know before paying; `offline`: the plan that is held is billed by agreement."""
    found = [
        ("lock", "You pay on Stripe's page. Card data never reaches us. A promotion code is entered there."),
        ("check", f"The limits of {plan} hold from the second in which Stripe confirms the payment."),
        ("refresh", "Cancel at any time: the plan then ends with the time that is paid for."),
    ]
    if offline:
        ends = f"It ends when {plan} begins; talk to your Tollkeeper team about what is paid of it."
        found.append(("info", f"{held} is billed to you by agreement. {ends}"))
    return found


def _purchase(offer: Offer, seen: PlanContext, at: BillingStatus, currencies: Sequence[str], amount: str) -> Purchase:
    _, interval = fee_of(offer, seen)
    return Purchase(
        zone=at.time_zone,
        interval=interval,
        currency=seen.currency,
        version=str(offer.version_id),
        amount=amount,
        next_at=words.next_payment_at(at.as_of, interval),
        intervals=_intervals(offer, seen, interval),
        currencies=[(each, purchase_url(offer.key, interval, each), each == seen.currency) for each in currencies],
        button=button(amount, resumes=at.visit == OpenCheckout(offer.key, interval, seen.currency)),
        notes=notes(offer.name, at.plan_name, offline=at.collection == "offline"),
    )


def _kind(offer: Offer, fee: int | None, seen: PlanContext, at: BillingStatus, *, payments_on: bool) -> str:
    """Buy, or the kind of `obstacle`."""
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


def _intervals(offer: Offer, seen: PlanContext, shown: str) -> list[Link]:
    known = [each for each in INTERVALS if offer.fee(seen.currency, each)]
    return [(INTERVALS[each], purchase_url(offer.key, each, seen.currency), each == shown) for each in known]
