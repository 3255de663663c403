"""The billing page's view: plan, next payment, card, and what needs a decision. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.portal.billing import words
from app.portal.billing.history import HistoryView
from app.portal.billing.status import BillingStatus, OpenCheckout
from app.portal.shell.links import purchase_url
from app.portal.shell.page_parts import Action
from app.portal.shell.people import MAY_CHANGE_PLAN, PlanManager
from app.statements import wording
from app.statements import wording as statements_wording
from app.web.addresses import path_to

_BADGES = {
    "active": ("Active", "good", "check"),
    "trialing": ("Trial", "accent", "clock"),
    "past_due": ("Payment due", "high", "alert"),
    "unpaid": ("Not paid", "bad", "alert"),
    "paused": ("Paused", "neutral", "clock"),
    "incomplete": ("Waiting for payment", "accent", "clock"),
}
_LIMITED, _ENDING = ("Free limits hold", "bad", "ban"), ("Ends soon", "near", "clock")


@dataclass(frozen=True)
class AmountPreview:
    """The next invoice as Stripe works it out now; `trouble` says why there is none."""

    amount: str | None = None
    trouble: str | None = None


@dataclass(frozen=True)
class NextPayment:
    """What is taken next, and when. `ask` says that Stripe can tell the exact amount."""

    amount: str
    at: datetime | None
    notes: Sequence[str]
    ask: bool = False


@dataclass(frozen=True)
class Trouble:
    """What needs a decision, and what can be done about it."""

    kind: str
    title: str
    words: Sequence[str]
    acts: Sequence[Action] = ()


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


def billing_view(
    at: BillingStatus,
    found: HistoryView,
    *,
    role: str | None,
    payments_on: bool,
    people: Sequence[PlanManager] = (),
    preview: AmountPreview | None = None,
    trouble: str | None = None,
) -> BillingView:
    """Assemble the page; `trouble` is what an act of this request ran into."""
    acts = role in MAY_CHANGE_PLAN
    usable = acts and payments_on
    running = at.paid_by_stripe and at.state in {"active", "trialing", "past_due"}
    return BillingView(
        zone=at.time_zone,
        plan_name=at.plan_name,
        badge=_badge(at),
        price=words.each(at.fee, at.currency, at.interval),
        what_next=words.what_next(at),
        next=next_payment(at, preview),
        card=at.card.words if at.card else None,
        card_notes=_card_notes(at),
        card_act=("Change the card" if at.card else "Add a card") if usable and at.customer else None,
        troubles=[*_ran_into(trouble), *troubles(at, usable=usable)],
        may_act=acts,
        may_cancel=usable and running and not at.cancels,
        people=people,
        payments_on=payments_on,
        history=found,
    )


def next_payment(at: BillingStatus, preview: AmountPreview | None) -> NextPayment:
    """What is taken next: the plan's price as far as we know it, and Stripe's own figure once it was asked."""
    if at.due is not None and at.paid_by_stripe:
        return NextPayment(wording.amount(at.due.amount, at.due.currency), at.due.next_attempt_at, [_retry(at)])
    if not at.paid_by_stripe or at.cancels or at.state not in {"active", "trialing"} or not at.fee or not at.currency:
        return NextPayment("Nothing", None, [_nothing(at)])
    if preview is not None and preview.amount is not None:
        return NextPayment(preview.amount, at.renews_at, ["As Stripe works it out now, with tax and discounts."])
    notes = ["Before tax and discounts."]
    if preview is not None and preview.trouble:
        notes.append(preview.trouble)
    return NextPayment(wording.amount(at.fee, at.currency), at.renews_at, notes, ask=preview is None)


def troubles(at: BillingStatus, *, usable: bool) -> list[Trouble]:
    """What needs a decision, the most pressing first."""
    found = []
    if at.limited or at.late:
        found.append(_late(at, usable=usable))
    if at.cancels:
        until = statements_wording.deadline(at.renews_at, at.time_zone) if at.renews_at else "its paid time"
        said = f"Until then everything stays as it is; after that the limits of {at.default_name} hold."
        found.append(Trouble("near", f"{at.plan_name} ends on {until}", [said], [_undo(at)] if usable else []))
    if at.visit is not None and not at.paid_by_stripe:
        said = "Nothing was charged for it so far. You can finish it, or leave it: it closes by itself within a day."
        found.append(Trouble("info", "A payment page is still open", [said], [_resume(at.visit)] if usable else []))
    return found


def _undo(at: BillingStatus) -> Action:
    return Action(f"Keep {at.plan_name}", path_to("billing.undo_cancel"), "primary", posts=True)


def _resume(visit: OpenCheckout) -> Action:
    return Action("Look at it", purchase_url(visit.plan_key, visit.interval, visit.currency))


def _late(at: BillingStatus, *, usable: bool) -> Trouble:
    owed = wording.amount(at.due.amount, at.due.currency) if at.due else "A payment"
    if at.limited:
        said = f"The limits of {at.default_name} hold until it is paid, and those of {at.plan_name} at once after that."
        title = f"{owed} is overdue"
    else:
        until = statements_wording.deadline(at.grace_ends_at, at.time_zone) if at.grace_ends_at else None
        said = f"The limits of {at.plan_name} stay until {until}, then those of {at.default_name} hold."
        said = said if until else f"The limits of {at.plan_name} still hold."
        title = f"A payment of {owed} failed" if at.due else "A payment failed"
    more = "Nothing is deleted." + (" Pay with the card that is kept, or change it first." if usable else "")
    pay = Action("Pay now", path_to("billing.pay"), "primary", posts=True)
    card = Action("Change the card", path_to("billing.change_card"), posts=True)
    acts = [pay, card] if at.due else [card]
    return Trouble("full" if at.limited else "strong", title, [said, more], acts if usable else [])


def _ran_into(trouble: str | None) -> list[Trouble]:
    return [Trouble("strong", "This did not work", [trouble])] if trouble else []


def _badge(at: BillingStatus) -> tuple[str, str, str]:
    if at.limited:
        return _LIMITED
    return _ENDING if at.cancels else _BADGES.get(at.state, ("Active", "good", "check"))


def _card_notes(at: BillingStatus) -> list[str]:
    if at.card is None:
        return ["Stripe asks for one when you choose a plan that costs something."]
    late = words.card_trouble(at.card, at.as_of)
    return [f"Expires {words.card_expires(at.card)}.", *([late] if late else [])]


def _retry(at: BillingStatus) -> str:
    if at.due is not None and at.due.next_attempt_at is not None:
        return "Overdue. Stripe tries the card again then, unless you pay before."
    return "Overdue. Stripe does not try again by itself."


def _nothing(at: BillingStatus) -> str:
    if at.collection == "offline":
        return "Your Tollkeeper team sends the bill."
    if at.cancels:
        return f"{at.plan_name} is not renewed."
    return "No payment is planned."
