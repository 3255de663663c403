"""View model of the billing page: plan, next payment, card, and problems to solve. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.accounts.roles import PLAN_MANAGERS
from app.portal.billing import words
from app.portal.billing.history import HistoryView
from app.portal.billing.status import BillingStatus, Due, OpenCheckout, SecondSubscription
from app.portal.shell.links import purchase_url
from app.portal.shell.page_parts import Action
from app.portal.shell.people import PlanManager
from app.statements import wording
from app.statements import wording as statements_wording
from app.web.addresses import path_to

_BADGES = {
    "active": ("Active", "good", "check"),
    "trialing": ("Trial", "accent", "clock"),
    "past_due": ("Payment due", "high", "alert"),
    "unpaid": ("Unpaid", "bad", "alert"),
    "paused": ("Paused", "neutral", "clock"),
    "incomplete": ("Waiting for payment", "accent", "clock"),
}
_SHORTER = "Stripe charges only part of it if the plan ends during that period."
_LIMITED, _ENDING = ("Limits reduced", "bad", "ban"), ("Ends soon", "near", "clock")


@dataclass(frozen=True)
class AmountPreview:
    """The next invoice as Stripe calculates it now; `trouble` says why there is no amount."""

    amount: str | None = None
    trouble: str | None = None


@dataclass(frozen=True)
class NextPayment:
    """The next payment and its date. `ask` offers to fetch the exact amount from Stripe."""

    amount: str
    at: datetime | None
    notes: Sequence[str]
    ask: bool = False


@dataclass(frozen=True)
class Trouble:
    """A problem to solve, with the actions that solve it."""

    kind: str
    title: str
    words: Sequence[str]
    actions: Sequence[Action] = ()


@dataclass(frozen=True)
class BillingView:
    """What templates/billing/billing.html shows."""

    zone: str
    plan_name: str
    badge: tuple[str, str, str]
    price: str
    what_next: str
    next: NextPayment
    card: str | None
    card_notes: Sequence[str]
    card_act: str | None
    troubles: Sequence[Trouble]
    may_act: bool
    may_cancel: bool
    people: Sequence[PlanManager]
    payments_on: bool
    history: HistoryView


def build_billing_view(
    at: BillingStatus,
    history: HistoryView,
    *,
    role: str | None,
    payments_on: bool,
    people: Sequence[PlanManager] = (),
    preview: AmountPreview | None = None,
    trouble: str | None = None,
) -> BillingView:
    """Build the page; `trouble` is an error from this request's own action."""
    may_act = role in PLAN_MANAGERS
    usable = may_act and payments_on
    running = at.paid_by_stripe and at.state in {"active", "trialing", "past_due"}
    return BillingView(
        zone=at.time_zone,
        plan_name=at.plan_name,
        badge=_badge(at),
        price=words.describe_price(at.fee, at.currency, at.interval),
        what_next=words.describe_next_payment(at),
        next=build_next_payment(at, preview),
        card=at.card.words if at.card else None,
        card_notes=_card_notes(at),
        card_act=("Change the card" if at.card else "Add a card") if usable and at.customer else None,
        troubles=[*_own_trouble(trouble), *list_troubles(at, usable=usable)],
        may_act=may_act,
        may_cancel=usable and running and at.ends_at is None,
        people=people,
        payments_on=payments_on,
        history=history,
    )


def build_next_payment(at: BillingStatus, preview: AmountPreview | None) -> NextPayment:
    """The next payment: the plan's list price, or Stripe's own figure if it was fetched."""
    if at.due is not None and at.late:
        return NextPayment(wording.format_amount(at.due.amount, at.due.currency), at.due.next_attempt_at, [_retry(at)])
    if at.second is not None and at.ends_at is not None and not at.is_renewed:
        amount = wording.format_amount(at.second.amount, at.second.currency)
        return NextPayment(amount, at.second.renews_at, ["For the second subscription, before tax and discounts."])
    runs = at.paid_by_stripe and at.is_renewed and at.state in {"active", "trialing"}
    if not runs or at.fee == 0 or not at.currency:
        return NextPayment("Nothing", None, [_nothing(at)])
    if preview is not None and preview.amount is not None:
        return NextPayment(preview.amount, at.renews_at, ["As calculated by Stripe, with tax and discounts."])
    notes = ["Your price is set at Stripe." if at.fee is None else "Before tax and discounts."]
    if at.ends_at is not None:
        notes.append(_SHORTER)
    if preview is not None and preview.trouble:
        notes.append(preview.trouble)
    amount = "Custom price" if at.fee is None else wording.format_amount(at.fee, at.currency)
    return NextPayment(amount, at.renews_at, notes, ask=preview is None)


def list_troubles(at: BillingStatus, *, usable: bool) -> list[Trouble]:
    """Problems to solve, most urgent first."""
    troubles = []
    if at.second is not None:
        troubles.append(_second(at, at.second))
    if at.limited or at.late:
        troubles.append(_late(at, usable=usable))
    elif at.due is not None:
        troubles.append(_left_open(at, at.due, usable=usable))
    if at.ends_at is not None:
        until = statements_wording.format_deadline(at.ends_at, at.time_zone)
        next_limits = (
            f"the limits of {at.default_name} apply" if at.second is None else "the second subscription goes on"
        )
        sentence = f"Nothing changes until then. After that, {next_limits}."
        troubles.append(Trouble("near", f"{at.plan_name} ends on {until}", [sentence], [_undo(at)] if usable else []))
    if at.checkout is not None and not at.paid_by_stripe:
        sentence = (
            "Nothing has been charged yet. You can finish paying, or ignore it: it closes by itself within a day."
        )
        troubles.append(
            Trouble("info", "A payment page is still open", [sentence], [_resume(at.checkout)] if usable else [])
        )
    return troubles


def _second(at: BillingStatus, second: SecondSubscription) -> Trouble:
    price = words.describe_price(second.amount, second.currency, second.interval)
    beside = f"Beside {at.plan_name}, a subscription to {second.plan_name} is running at Stripe: {price}."
    end = "It gives you nothing more. Your Tollkeeper team sees it too and can end it: please contact them."
    return Trouble("strong", "You are charged for two subscriptions", [beside, end])


def _undo(at: BillingStatus) -> Action:
    return Action(f"Keep {at.plan_name}", path_to("billing.undo_cancel"), "primary", posts=True)


def _resume(checkout: OpenCheckout) -> Action:
    return Action("Continue to payment", purchase_url(checkout.plan_key, checkout.interval, checkout.currency))


def _late(at: BillingStatus, *, usable: bool) -> Trouble:
    owed = wording.format_amount(at.due.amount, at.due.currency) if at.due else "A payment"
    confirm_url = at.due.confirm_url if at.due else None
    if at.limited:
        sentence = (
            f"The limits of {at.default_name} apply until it is paid. Those of {at.plan_name} return as soon as it is."
        )
        title = f"{owed} is overdue"
    else:
        until = statements_wording.format_deadline(at.grace_ends_at, at.time_zone) if at.grace_ends_at else None
        sentence = f"Your {at.plan_name} limits apply until {until}, then those of {at.default_name}."
        sentence = sentence if until else f"Your {at.plan_name} limits still apply."
        subject = f"A payment of {owed}" if at.due else "A payment"
        title = f"{subject} {'needs your confirmation' if confirm_url else 'failed'}"
    card = Action("Change the card", path_to("billing.change_card"), posts=True)
    actions = [*([_pay(at.due)] if at.due else []), card]
    return Trouble(
        "full" if at.limited else "strong", title, [sentence, _how_to_pay(at.due, usable=usable)],
        actions if usable else [],
    )  # fmt: skip


def _pay(due: Due) -> Action:
    """Pay with the card on file; a payment that the bank wants confirmed is confirmed on the invoice's page."""
    if due.confirm_url:
        return Action("Confirm the payment", due.confirm_url, "primary")
    return Action("Pay now", path_to("billing.pay"), "primary", posts=True)


def _how_to_pay(due: Due | None, *, usable: bool) -> str:
    covers = f"It covers {due.invoices} invoices. " if due and due.invoices > 1 else ""
    if due is not None and due.confirm_url:
        return f"{covers}Your bank asks you to confirm the payment (3-D Secure). Your card was not charged."
    return f"{covers}Nothing is deleted." + (" Pay with the card on file, or change it first." if usable else "")


def _left_open(at: BillingStatus, due: Due, *, usable: bool) -> Trouble:
    """An older invoice whose payment failed, beside a plan that has been paid for since."""
    title = f"{wording.format_amount(due.amount, due.currency)} from an earlier invoice is unpaid"
    return Trouble("near", title, [f"Your {at.plan_name} limits apply."], [_pay(due)] if usable else [])


def _own_trouble(trouble: str | None) -> list[Trouble]:
    return [Trouble("strong", "Something went wrong", [trouble])] if trouble else []


def _badge(at: BillingStatus) -> tuple[str, str, str]:
    if at.limited:
        return _LIMITED
    return _ENDING if at.ends_at else _BADGES.get(at.state, ("Active", "good", "check"))


def _card_notes(at: BillingStatus) -> list[str]:
    if at.card is None:
        return ["Stripe asks for one when you choose a paid plan."]
    late = words.find_card_warning(at.card, at.as_of)
    return [f"Expires {words.format_card_expiry(at.card)}.", *([late] if late else [])]


def _retry(at: BillingStatus) -> str:
    if at.due is not None and at.due.confirm_url:
        return "Overdue. It waits for your confirmation."
    if at.due is not None and at.due.next_attempt_at is not None:
        return "Overdue. Stripe will try the card again then, unless you pay first."
    return "Overdue. Stripe will not retry automatically."


def _nothing(at: BillingStatus) -> str:
    if at.collection == "offline":
        return "Your Tollkeeper team bills you directly."
    if at.ends_at is not None:
        return f"{at.plan_name} will not renew."
    return "No payment is scheduled."
