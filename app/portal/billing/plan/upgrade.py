"""The purchase page of a plan: price today and next time, what changes, or why it can't be bought. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.payments.plan_changes.offer import ChangeOffer
from app.portal.billing import words
from app.portal.billing.plan.change import SAME_PLAN, USAGE_CONTINUES, ChangeForm, build_change_form
from app.portal.billing.plan.change_obstacles import ChangeSubject, build_change_obstacle, build_unpriced
from app.portal.billing.plan.upgrade_obstacles import ObstacleContext, build_obstacle
from app.portal.billing.status import BillingStatus, OpenCheckout
from app.portal.shell.agreed import AgreedTerm, list_lost
from app.portal.shell.links import Link, purchase_url
from app.portal.shell.page_parts import Notice, Section, build_trouble_notice
from app.portal.shell.plan_detail import PlanDetailView, list_other_prices
from app.statements import wording
from app.statements.offers import Offer
from app.statements.plan_context import INTERVALS, PlanContext, find_fee, find_trial, has_used_trial

LEFT = Notice(
    "info",
    "Nothing was charged",
    "You left Stripe's page before paying. It stays open for a day: you can go back to it or choose something else.",
)
UNCHANGED = (
    "Members, keys, clients and past usage stay. A new usage period starts with the plan, at 0 of its allowances."
)


@dataclass(frozen=True)
class Purchase:
    """The price and the purchase form.

    `amount` is charged today and at each renewal. `version` is submitted with the form so that nobody pays a price they
    haven't seen. `notes` are (icon, words) below the button. `trial_days`: nothing is charged before `next_at`.
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
    trial_days: int | None = None


@dataclass(frozen=True, slots=True)
class PricedChange:
    """A change as it is offered, or why no price could be had. `extra` is the usage that stays owed (minor units)."""

    offer: ChangeOffer | None
    failure: str | None = None
    extra: int = 0


@dataclass(frozen=True)
class UpgradeView:
    """What templates/billing/upgrade.html shows: a form to buy or change a plan, or the obstacle to it."""

    heading: str
    plan: PlanDetailView
    notice: Notice | None
    purchase: Purchase | None
    obstacle: Section | None
    changes_note: str | None
    change: ChangeForm | None = None


def build_upgrade_view(
    offer: Offer,
    choice: PlanDetailView,
    context: PlanContext,
    at: BillingStatus,
    *,
    currencies: Sequence[str],
    payments_on: bool,
    agreed: Sequence[AgreedTerm] = (),
    priced: PricedChange | None = None,
    left: bool = False,
    trouble: str | None = None,
) -> UpgradeView:
    """Build the page of `offer` in the currency and interval of `context`. Prices are before tax, which Stripe adds.

    `agreed` are the organisation's overrides, of which those that end with its current plan are named. `priced` is the
    change as it is offered to who pays through Stripe and may change the plan.
    """
    fee, interval = find_fee(offer, context)
    kind = find_kind(offer, context, at, payments_on=payments_on)
    amount = wording.format_amount(fee, context.currency) if fee else ""
    buys, lost = kind == "buy", list_lost(agreed, at.as_of) if at.plan_key != offer.key else []
    change = _build_change(priced, at, lost) if priced is not None else None
    price = words.describe_price(fee, context.currency, interval)
    subject = ChangeSubject(offer.key, offer.name, interval, context.currency, at, str(offer.version_id), price)
    others = list_other_prices(offer, context)
    return UpgradeView(
        heading=_build_change_heading(subject, change) if kind == "change"
        else build_heading(kind, offer.name, trial=buys and find_trial(offer, context) is not None),
        plan=choice,
        notice=build_trouble_notice(trouble) if trouble else LEFT if left else None,
        purchase=_purchase(offer, context, at, currencies, amount, lost=lost) if buys else None,
        change=change,
        obstacle=None if buys or change is not None
        else _build_change_obstacle(priced, subject, lost) if priced is not None
        else build_obstacle(kind, ObstacleContext(choice, amount, interval, at, others)),
        changes_note=_describe_rest(kind, subject),
    )  # fmt: skip


def build_heading(kind: str, plan: str, *, trial: bool = False) -> str:
    """The page's heading."""
    if trial:
        return f"Try {plan}"
    return plan if kind == "current" else f"Upgrade to {plan}"


def build_button_label(amount: str, *, resumes: bool, trial: int | None = None) -> str:
    """The button's label: it opens Stripe Checkout, or `resumes` an open session."""
    if trial is not None:
        return f"Go back to payment, {amount} today" if resumes else f"Start {trial}-day trial"
    return f"Go back to payment, {amount} today" if resumes else f"Go to payment, {amount} today"


def list_trial_notes(plan: str, ends: str) -> list[tuple[str, str]]:
    """What to know before a trial that ends on a day."""
    return [
        ("lock", "You enter your card on Stripe's page. Card data never reaches us. Nothing is charged today."),
        ("check", f"{plan} and its allowances are yours at once. Usage in the trial is free."),
        ("refresh", f"Cancel before {ends} and nothing is charged. Without a card, you move to the free plan then."),
        ("info", "There is one trial for each organisation and card. If your card has had one, no trial starts."),
    ]


def list_notes(
    plan: str, current: str, *, offline: bool, lost: Sequence[str] = (), had_trial: bool = False
) -> list[tuple[str, str]]:
    """What to know before paying; `offline` means the current plan is billed by agreement, `lost` ends with it."""
    points = [
        ("lock", "You pay on Stripe's page. Card data never reaches us. You can enter a promotion code there."),
        ("check", f"The limits of {plan} apply as soon as Stripe confirms the payment."),
        ("refresh", "Cancel at any time: your plan then runs to the end of the paid period."),
    ]
    if had_trial:
        points.insert(0, ("info", f"Your organisation has no free trial left, so {plan} is paid for from today."))
    if offline:
        ends = f"It ends when {plan} starts; ask your Tollkeeper team about what you have already paid."
        points.append(("info", f"{current} is billed by agreement. {ends}"))
    if lost:
        points.append(("info", f"Agreed for your organisation, and ends with {current}: {'; '.join(lost)}."))
    return points


def _purchase(
    offer: Offer,
    context: PlanContext,
    at: BillingStatus,
    currencies: Sequence[str],
    amount: str,
    *,
    lost: Sequence[str],
) -> Purchase:
    _, interval = find_fee(offer, context)
    trial = find_trial(offer, context)
    next_at = words.calculate_next_payment(at.as_of, interval) if trial is None else at.as_of + timedelta(days=trial)
    resumes = at.checkout == OpenCheckout(offer.key, interval, context.currency)
    today = amount if trial is None else wording.format_amount(0, context.currency)
    notes = (
        list_notes(offer.name, at.plan_name, offline=at.collection == "offline", lost=lost,
                   had_trial=has_used_trial(offer, context))
        if trial is None
        else list_trial_notes(offer.name, wording.format_day(next_at, at.time_zone))
    )  # fmt: skip
    return Purchase(
        zone=at.time_zone,
        interval=interval,
        currency=context.currency,
        version=str(offer.version_id),
        amount=amount,
        next_at=next_at,
        intervals=_intervals(offer, context, interval),
        currencies=[(code, purchase_url(offer.key, interval, code), code == context.currency) for code in currencies],
        button=build_button_label(today, resumes=resumes, trial=trial),
        notes=notes,
        trial_days=trial,
    )


def find_kind(offer: Offer, context: PlanContext, at: BillingStatus, *, payments_on: bool) -> str:
    """Either "buy", "change" or the kind of obstacle."""
    fee, interval = find_fee(offer, context)
    if at.plan_key == offer.key and _is_current(offer, fee, interval, at):
        return "current"
    if offer.is_default or fee == 0:
        return "default"
    if fee is None:
        return "agreement"
    if at.paid_by_stripe and payments_on:
        return "change" if context.may_change else "change_role"
    if not payments_on:
        return "off"
    return "buy" if context.may_change else "role"


def _is_current(offer: Offer, fee: int | None, interval: str, at: BillingStatus) -> bool:
    """Whether the organisation has the plan as it is shown: one that it pays for, at the interval that it pays."""
    if at.paid_by_stripe:
        return interval == at.interval or fee is None
    return at.collection != "offline" or fee is None or not offer.public


def _build_change(priced: PricedChange, at: BillingStatus, lost: Sequence[str]) -> ChangeForm | None:
    if priced.offer is None or priced.offer.quoted is None:
        return None
    return build_change_form(priced.offer, at, priced.extra, lost)


def _build_change_obstacle(priced: PricedChange, subject: ChangeSubject, lost: Sequence[str]) -> Section:
    if priced.offer is None:
        return build_unpriced(subject, priced.failure or "Please try again.")
    return build_change_obstacle(priced.offer.decision, subject, lost)


def _describe_rest(kind: str, subject: ChangeSubject) -> str | None:
    """What does not change with the plan."""
    if kind == "current":
        return None
    if not kind.startswith("change"):
        return UNCHANGED
    return SAME_PLAN if subject.same_plan else USAGE_CONTINUES


def _build_change_heading(subject: ChangeSubject, change: ChangeForm | None) -> str:
    if subject.same_plan:
        return f"Pay for {subject.name} by the {subject.interval}"
    return f"Upgrade to {subject.name}" if change is not None else f"Change to {subject.name}"


def _intervals(offer: Offer, context: PlanContext, shown: str) -> list[Link]:
    known = [interval for interval in INTERVALS if offer.fee(context.currency, interval)]
    return [
        (INTERVALS[interval], purchase_url(offer.key, interval, context.currency), interval == shown)
        for interval in known
    ]
