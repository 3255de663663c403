"""View model of the billing page: plan, next payment, card; its problems are in `troubles`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.accounts.roles import PLAN_MANAGERS
from app.payments.payment_methods.overage_state import OverageState
from app.portal.billing import words
from app.portal.billing.history import HistoryView
from app.portal.billing.ours import OurInvoices
from app.portal.billing.overage import OverageView, build_overage_view
from app.portal.billing.status import BillingStatus
from app.portal.billing.troubles import Trouble, build_own_trouble, list_troubles
from app.portal.shell.agreed import AgreedTerm
from app.portal.shell.people import PlanManager
from app.portal.shell.todays_version import describe_today
from app.statements import wording
from app.statements.moves import AnnouncedMove
from app.subscriptions.states import KEPT, PAID

_BADGES = {
    "active": ("Active", "good", "check"),
    "trialing": ("Trial", "accent", "clock"),
    "past_due": ("Payment due", "high", "alert"),
    "unpaid": ("Unpaid", "bad", "alert"),
    "paused": ("Paused", "neutral", "clock"),
    "incomplete": ("Waiting for payment", "accent", "clock"),
}
_SHORTER = "Stripe charges only part of it if the plan ends during that period."
_BY_INVOICE = "Before tax, by an invoice that we send you then."
_USAGE_BY_INVOICE = "Usage above your allowances is invoiced once each month has ended."
_NO_CARD = "Without one, the next payment fails."
_NO_CARD_IN_TRIAL = "Without one, your plan ends with the trial."
_FIRST_CARD = "Stripe asks for one when you choose a paid plan."
_PAYS_INVOICES = "You pay the invoices that we send you. Each says how."
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
class BillingView:
    """What templates/billing/billing.html shows."""

    zone: str
    plan_name: str
    badge: tuple[str, str, str]
    version: str | None
    today: str | None
    price: str
    what_next: str
    next: NextPayment
    card: str
    card_notes: Sequence[str]
    card_act: str | None
    troubles: Sequence[Trouble]
    may_act: bool
    may_cancel: bool
    offers_plans: bool
    """Whether an empty history leads to the plans: not where one is paid for."""
    people: Sequence[PlanManager]
    payments_on: bool
    history: HistoryView
    agreed: Sequence[AgreedTerm] = ()
    overage: OverageView | None = None
    ours: OurInvoices = field(default_factory=OurInvoices)
    move: AnnouncedMove | None = None


_PAYS_FOR_OVERAGE = "No fee is due. Usage above the allowance is charged at the end of each month."
_USAGE_ALONE = NextPayment("Usage", None, ["What is used above the allowance, at the end of the month."])


def build_billing_view(
    at: BillingStatus,
    history: HistoryView,
    *,
    role: str | None,
    payments_on: bool,
    people: Sequence[PlanManager] = (),
    preview: AmountPreview | None = None,
    agreed: Sequence[AgreedTerm] = (),
    overage: OverageState | None = None,
    ours: OurInvoices | None = None,
    move: AnnouncedMove | None = None,
    trouble: str | None = None,
) -> BillingView:
    """Build the page; `trouble` is an error from this request's own action."""
    may_act = role in PLAN_MANAGERS
    usable = may_act and payments_on
    running = at.paid_by_stripe and at.state in KEPT
    return BillingView(
        zone=at.time_zone,
        plan_name=at.plan_name,
        badge=_badge(at),
        version=f"Version {at.version}" if at.version else None,
        today=describe_today(at.today, at.currency, at.interval),
        price=words.describe_price(at.fee, at.currency, at.interval),
        what_next=_PAYS_FOR_OVERAGE if overage and overage.on else words.describe_next_payment(at),
        next=_USAGE_ALONE if overage and overage.on and at.due is None else build_next_payment(at, preview),
        card=at.card.words if at.card else _pays_without_card(at),
        card_notes=_card_notes(at),
        card_act=("Change the card" if at.card else "Add a card") if usable and at.customer else None,
        troubles=[
            *build_own_trouble(trouble), *(ours.troubles if ours else ()), *list_troubles(at, usable=usable),
        ],
        may_act=may_act,
        may_cancel=usable and running and at.ends_at is None,
        offers_plans=may_act and at.collection == "none",
        people=people,
        payments_on=payments_on,
        history=history,
        agreed=agreed,
        overage=build_overage_view(overage, at.card.words if at.card else None, at.time_zone, usable=usable)
        if overage
        else None,
        ours=ours or OurInvoices(),
        move=move,
    )  # fmt: skip


def build_next_payment(at: BillingStatus, preview: AmountPreview | None) -> NextPayment:
    """The next payment: the plan's list price, or Stripe's own figure if it was fetched."""
    if at.due is not None and at.late:
        return NextPayment(wording.format_amount(at.due.amount, at.due.currency), at.due.next_attempt_at, [_retry(at)])
    if at.second is not None and at.ends_at is not None and not at.is_renewed:
        amount = wording.format_amount(at.second.amount, at.second.currency)
        return NextPayment(amount, at.second.renews_at, ["For the second subscription, before tax and discounts."])
    coming = at.fee if at.moved_fee is None else at.moved_fee
    if at.collection == "offline" and coming and at.currency:
        return NextPayment(wording.format_amount(coming, at.currency), at.renews_at, [_BY_INVOICE, _USAGE_BY_INVOICE])
    runs = at.paid_by_stripe and at.is_renewed and at.state in PAID and not (at.is_trial and at.card is None)
    if not runs or at.fee == 0 or not at.currency:
        return NextPayment("Nothing", None, [_nothing(at)])
    if preview is not None and preview.amount is not None:
        return NextPayment(preview.amount, at.renews_at, ["As calculated by Stripe, with tax and discounts."])
    notes = ["Your price is set at Stripe." if at.fee is None else "Before tax and discounts."]
    if at.ends_at is not None:
        notes.append(_SHORTER)
    if preview is not None and preview.trouble:
        notes.append(preview.trouble)
    fee = at.planned.fee if at.planned is not None else coming
    amount = "Custom price" if fee is None else wording.format_amount(fee, at.currency)
    return NextPayment(amount, at.renews_at, notes, ask=preview is None)


def _badge(at: BillingStatus) -> tuple[str, str, str]:
    if at.limited and not at.paused:
        return _LIMITED
    return _ENDING if at.ends_at else _BADGES.get(at.state, ("Active", "good", "check"))


def _pays_without_card(at: BillingStatus) -> str:
    return "By invoice" if at.collection == "offline" else "No card"


def _card_notes(at: BillingStatus) -> list[str]:
    if at.card is None:
        if at.paused:
            return []
        if at.collection == "offline":
            return [_PAYS_INVOICES]
        if at.is_trial:
            return [_NO_CARD_IN_TRIAL]
        return [_NO_CARD if at.paid_by_stripe else _FIRST_CARD]
    expiry, late = words.format_card_expiry(at.card), words.find_card_warning(at.card, at.as_of)
    return [*([f"Expires {expiry}."] if expiry else []), *([late] if late else [])]


def _retry(at: BillingStatus) -> str:
    if at.due is not None and at.due.confirm_url:
        return "Overdue. It waits for your confirmation."
    if at.due is not None and at.due.next_attempt_at is not None:
        return "Overdue. Stripe will try the card again then, unless you pay first."
    return "Overdue. Stripe will not retry automatically."


def _nothing(at: BillingStatus) -> str:
    if at.collection == "offline":
        return "Your Tollkeeper team sends you invoices."
    if at.is_trial:
        return "Your plan ends with the trial."
    if at.ends_at is not None:
        return f"{at.plan_name} will not renew."
    return "No payment is scheduled."
