"""Sentences of the billing pages. Pure functions; dates are in the organisation's time zone."""

from __future__ import annotations

from datetime import datetime

from app.kit.periods import MONTH, YEAR, boundary
from app.portal.billing.status import BillingStatus, CardOnFile, PlannedMove
from app.statements import wording
from app.statements.wording import format_day

_MONTHS = {"month": MONTH, "year": YEAR}
STATES = {
    "pending": "Waiting",
    "completed": "Paid",
    "failed": "Failed",
    "refunded": "Refunded",
    "reversed": "Reversed",
}
_EVENTS = {
    "started": "{plan} started",
    "trial_started": "Trial of {plan} started",
    "trial_ended": "Trial of {plan} ended, first paid period started",
    "renewed": "{plan} renewed",
    "plan_changed": "Plan changed to {plan}",
    "upgraded": "Upgraded to {plan}",
    "downgraded": "Downgraded to {plan}",
    "interval_changed": "Billing interval of {plan} changed",
    "change_planned": "Change from {plan} scheduled",
    "change_undone": "Scheduled change from {plan} undone",
    "move_planned": "New terms of {plan} announced",
    "move_undone": "Announced change of {plan} undone",
    "cancel_planned": "Cancellation of {plan} scheduled",
    "cancel_undone": "Cancellation of {plan} undone",
    "past_due": "A payment for {plan} failed",
    "limited": "Limits reduced from {plan} to the free plan",
    "recovered": "{plan} continues as before",
    "ended": "{plan} ended",
}


def describe_price(fee: int | None, currency: str | None, interval: str) -> str:
    """A plan's price per interval."""
    if fee == 0:
        return "Free of charge"
    if fee is None or currency is None:
        return "Custom price"
    return f"{wording.format_amount(fee, currency)} a {interval}, before tax"


def calculate_next_payment(now: datetime, interval: str) -> datetime:
    """When Stripe takes the second payment of a subscription that starts now. Stripe counts months in UTC."""
    return boundary(now, 1, "UTC", _MONTHS[interval])


def format_card_expiry(card: CardOnFile) -> str | None:
    """The expiry date as printed on the card; None for what does not expire."""
    return f"{card.exp_month:02d}/{card.exp_year}" if card.exp_month and card.exp_year else None


def find_card_warning(card: CardOnFile, now: datetime) -> str | None:
    """A warning if the card has expired or expires by next month; a card is valid to the end of its month."""
    if not card.exp_month or not card.exp_year:
        return None
    left = (card.exp_year - now.year) * 12 + card.exp_month - now.month
    if left > 1:
        return None
    if left < 0:
        return "This card has expired. Replace it before the next payment."
    return "This card expires at the end of " + ("this month." if left == 0 else "next month.")


def describe_next_payment(at: BillingStatus) -> str:
    """What happens next with the plan's payments, in one or two sentences."""
    zone = at.time_zone
    if at.collection == "none" or at.renews_at is None:
        return "Nothing is due until you choose a paid plan."
    when = format_day(at.renews_at, zone)
    if at.collection == "offline":
        return f"Your Tollkeeper team invoices this plan. The billing period ends on {when}."
    if at.ends_at is not None and not at.is_renewed:
        return _describe_end(at, format_day(at.ends_at, zone))
    if at.late:
        return "A payment is due. Once it is paid, your plan continues as before."
    if at.paused:
        return "Your plan is paused. No payment is scheduled."
    return _describe_trial(at, when) if at.is_trial else _describe_renewal(at, when)


def _describe_trial(at: BillingStatus, end: str) -> str:
    """When a trial ends, and what happens then."""
    lead = f"Your trial ends on {end}. Usage until then is free."
    if at.card is None:
        return f"{lead} Without a card, you move to {at.default_name} then."
    if at.planned is not None:
        return f"{lead} {describe_planned(at.plan_name, at.planned, at.time_zone)}."
    return f"{lead} {at.plan_name} is then charged to your card, unless you cancel before."


def _describe_renewal(at: BillingStatus, when: str) -> str:
    if at.planned is not None:
        return f"{describe_planned(at.plan_name, at.planned, at.time_zone)}."
    return f"{at.plan_name} renews on {when}{_describe_further(at)}."


def describe_planned(current: str, planned: PlannedMove, zone: str) -> str:
    """A planned change: "Max changes to Pro on 21 December 2026"."""
    day = format_day(planned.at, zone)
    if planned.plan_name == current:
        return f"{current} is paid by the {planned.interval} from {day}"
    return f"{current} changes to {planned.plan_name} on {day}"


def _describe_end(at: BillingStatus, end: str) -> str:
    if at.is_trial and at.second is None:
        return f"Your trial ends on {end}, and you move to {at.default_name}. Nothing is charged."
    if at.second is not None:
        return f"{at.plan_name} ends on {end}. The second subscription, to {at.second.plan_name}, continues."
    return f"No more payments. {at.plan_name} ends on {end}, and you move to {at.default_name}."


def _describe_further(at: BillingStatus) -> str:
    """What follows the next renewal. How often a price made by hand is charged, only Stripe knows."""
    if at.ends_at is not None:
        return f" and ends on {format_day(at.ends_at, at.time_zone)}"
    return f", then on the same day of every {at.interval}" if at.fee is not None else ""


def describe_paid(at: BillingStatus) -> str:
    """What a payment changed: the status after it, as Stripe says."""
    if not at.late and not at.limited:
        return f"Payment received. The limits of {at.plan_name} apply."
    if at.due is not None:
        return f"Payment received. {wording.format_amount(at.due.amount, at.due.currency)} is still unpaid."
    return "Payment received. Your plan continues as before once Stripe has charged the renewal that it is preparing."


def describe_event(kind: str, plan: str) -> str:
    """A subscription event as a sentence."""
    return _EVENTS.get(kind, kind.replace("_", " ").capitalize()).format(plan=plan)


def describe_record_state(state: str, refunded: int, amount: int) -> str:
    """A billing record's state for display; a payment of which a part went back stays completed, and says so."""
    return "Partly refunded" if 0 < refunded < amount else STATES.get(state, state)


def describe_record_note(state: str, failure: str | None) -> str | None:
    """What is said beside a billing record: why it failed, or that it was recorded by mistake."""
    if state == "reversed":
        return "Recorded by mistake; no payment was received."
    return failure if state == "failed" else None
