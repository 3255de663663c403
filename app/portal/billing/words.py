"""The sentences of the billing pages. Pure: the same facts give the same words; dates are days of the org's zone."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from app.kit.money import exponent, to_major
from app.kit.periods import MONTH, YEAR, boundary
from app.portal.billing.status import BillingStatus, CardOnFile
from app.statements import wording
from app.statements.wording import a_day

_MONTHS = {"month": MONTH, "year": YEAR}
STATES = {
    "pending": "Waiting",
    "completed": "Paid",
    "failed": "Failed",
    "refunded": "Refunded",
}
_EVENTS = {
    "started": "{plan} began",
    "renewed": "{plan} was renewed",
    "plan_changed": "The plan became {plan}",
    "cancel_planned": "{plan} was set to end with its paid time",
    "cancel_undone": "{plan} goes on after all",
    "past_due": "A payment for {plan} failed",
    "limited": "The free limits took the place of those of {plan}",
    "recovered": "The payment came; {plan} is whole again",
    "ended": "{plan} ended",
}


def each(fee: int | None, currency: str | None, interval: str) -> str:
    """A plan's price with its interval."""
    if fee == 0:
        return "Free of charge"
    if fee is None or currency is None:
        return "Price by agreement"
    return f"{wording.amount(fee, currency)} a {interval}, before tax"


def next_payment_at(now: datetime, interval: str) -> datetime:
    """When Stripe takes the second payment of a subscription that begins now: it counts months in UTC."""
    return boundary(now, 1, "UTC", _MONTHS[interval])


def card_expires(card: CardOnFile) -> str:
    """The month on the card."""
    return f"{card.exp_month:02d}/{card.exp_year}"


def card_trouble(card: CardOnFile, now: datetime) -> str | None:
    """Whether the card has expired or does so within a month's time; a card is good to the end of its month."""
    left = (card.exp_year - now.year) * 12 + card.exp_month - now.month
    if not card.exp_year or left > 1:
        return None
    if left < 0:
        return "This card has expired. Change it before the next payment."
    return "This card expires at the end of " + ("this month." if left == 0 else "next month.")


def what_next(at: BillingStatus) -> str:
    """What happens next to the plan's money, in one or two sentences."""
    zone = at.time_zone
    if at.collection == "none" or at.renews_at is None:
        return "Nothing is due, and nothing will be until you choose a plan that costs something."
    when = a_day(at.renews_at, zone)
    if at.collection == "offline":
        return f"Your Tollkeeper team bills this plan by agreement; its paid time runs to {when}."
    if at.cancels:
        return f"No more payments. {at.plan_name} ends on {when}; then you are on {at.default_name}."
    if at.late:
        return "A payment is owed. Once it is paid, the plan goes on as before."
    if at.state == "paused":
        return "The subscription is paused at Stripe; no payment is planned."
    return f"{at.plan_name} renews on {when}, and on the same day of each {at.interval} after that."


def life_event(kind: str, plan: str) -> str:
    """One fact of a subscription's life."""
    return _EVENTS.get(kind, kind.replace("_", " ").capitalize()).format(plan=plan)


def record_state(state: str, refunded: int, amount: int) -> str:
    """A movement's state as it reads: money that went back in part says so."""
    return "Partly refunded" if state == "refunded" and 0 < refunded < amount else STATES.get(state, state)


def exact(minor: int, currency: str) -> Decimal:
    """The amount in whole units of the currency, for files."""
    return to_major(minor, exponent(currency))
