"""The page after Stripe Checkout. It states only what Stripe has confirmed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.accounts.identity import OrgChoice
from app.portal.billing.status import BillingStatus
from app.statements import wording
from app.statements import wording as words
from app.web.addresses import path_to

MAX_POLLS = 15  # one poll every two seconds: half a minute, then the user reloads by hand
_SLOW = "This is taking longer than usual. You can leave this page: we will email you when it is done."


@dataclass(frozen=True)
class Paid:
    """Amount and card of the checkout that led here."""

    amount: str
    card: str


@dataclass(frozen=True)
class ReturnView:
    """What templates/billing/return.html shows. `again` is the URL to poll next; None once settled.

    `polls` says whether the page polls by itself; `kind` is good, waiting, near or bad; `actions` are (URL, label).
    `elsewhere` is the organisation of the purchase if the viewer has switched to another one; it is offered then.
    """

    kind: str
    title: str
    lines: Sequence[str]
    facts: Sequence[tuple[str, str]]
    actions: Sequence[tuple[str, str]]
    again: str | None
    polls: bool
    elsewhere: OrgChoice | None = None

    @property
    def icon(self) -> str:
        """The icon above the title."""
        return {"good": "check", "waiting": "clock", "near": "alert", "bad": "cross"}[self.kind]


def build_return_view(
    state: str,
    at: BillingStatus,
    *,
    plan: str | None,
    retry: str,
    again: str,
    polls_so_far: int,
    paid: Paid | None = None,
    elsewhere: OrgChoice | None = None,
) -> ReturnView:
    """Describe a checkout in `state` (as returned by `fulfil_checkout`, or "failed").

    `plan` is the plan bought, None for a card change; `retry` is the URL to start over; `polls_so_far` counts them.
    """
    settled = state not in {"waiting", "open", "away"}
    polls = not settled and polls_so_far < MAX_POLLS
    kind, title, lines = _OUTCOMES[state](plan or "the card", at, polls)
    return ReturnView(
        kind=kind,
        title=title,
        lines=[*lines, f"This is about {elsewhere.name}. You have switched to another organisation."]
        if elsewhere
        else lines,
        facts=_facts(at, paid) if state == "paid" else [],
        actions=[] if elsewhere else _actions(state, retry, card=plan is None),
        again=None if settled else again,
        polls=polls,
        elsewhere=elsewhere,
    )


Outcome = tuple[str, str, list[str]]


def _paid(plan: str, at: BillingStatus, _: bool) -> Outcome:
    if at.plan_name != plan:
        return "good", "Payment confirmed", [f"{plan} has been paid for. You are on {at.plan_name} now."]
    if at.is_trial and at.renews_at is not None:
        end = words.format_day(at.renews_at, at.time_zone)
        then = f"It ends on {end}. Usage until then is free."
        return "good", f"Your trial of {plan} has started", [f"Nothing was charged. {then}"]
    return "good", f"You are on {plan}", [f"Stripe confirmed the payment. The limits of {plan} apply now."]


def _refused(plan: str, _at: BillingStatus, _: bool) -> Outcome:
    lines = [
        "There is one trial for each organisation and card, and this one has been used. Nothing was charged.",
        f"You can have {plan} without a trial.",
    ]
    return "near", f"No trial of {plan}", lines


def _saved(_plan: str, _at: BillingStatus, _: bool) -> Outcome:
    return "good", "Card saved", ["Stripe will charge it from the next payment on."]


def _waiting(plan: str, _at: BillingStatus, polls: bool) -> Outcome:
    lines = [f"Stripe has your order for {plan}, but the payment is not confirmed yet. Your plan changes once it is."]
    return "waiting", "Waiting for payment", lines if polls else [*lines, _SLOW]


def _open(plan: str, _at: BillingStatus, polls: bool) -> Outcome:
    if polls:
        return "waiting", "Checking with Stripe", [f"Stripe has not reported a payment for {plan} yet."]
    lines = [
        "Stripe has not reported a payment: it was declined or not completed. Nothing was charged.",
        "You can go back to the payment page and finish there, with another card if you like.",
    ]
    return "near", "Not paid", lines


def _expired(plan: str, _at: BillingStatus, _: bool) -> Outcome:
    return "near", "The payment page has expired", [f"Nothing was charged for {plan}. You can start again at any time."]


def _failed(plan: str, _at: BillingStatus, _: bool) -> Outcome:
    lines = [f"Stripe could not open the payment page for {plan}. Nothing was charged. Please try again."]
    return "bad", "Something went wrong", lines


def _away(plan: str, _at: BillingStatus, polls: bool) -> Outcome:
    lines = [
        "We do not know yet whether the payment went through.",
        f"If it did, {plan} is yours as soon as Stripe responds. Do not pay twice; nothing is lost.",
    ]
    return "near", "Stripe is not responding", lines if polls else [*lines, _SLOW]


_OUTCOMES = {
    "paid": _paid,
    "saved": _saved,
    "waiting": _waiting,
    "open": _open,
    "expired": _expired,
    "refused": _refused,
    "failed": _failed,
    "away": _away,
}


def _facts(at: BillingStatus, paid: Paid | None) -> list[tuple[str, str]]:
    facts = []
    if paid is not None:
        facts.append(("Paid", paid.amount if not at.is_trial else "Nothing"))
        if paid.card:
            facts.append(("Card", paid.card))
    if at.paid_by_stripe and at.renews_at is not None and at.fee and at.currency:
        facts.append(
            (
                "First payment" if at.is_trial else "Next payment",
                f"{wording.format_amount(at.fee, at.currency)}, before tax and discounts",
            )
        )
        facts.append(("Date", words.format_deadline(at.renews_at, at.time_zone)))
    return facts


def _actions(state: str, retry: str, *, card: bool) -> list[tuple[str, str]]:
    if state == "paid":
        return [(path_to("portal.dashboard"), "See your new limits"), (path_to("billing.index"), "Open billing")]
    if state in {"saved", "waiting", "away"}:
        return [(path_to("billing.index"), "Open billing")]
    return [
        (retry, "Back to billing" if card else "Back to the plan"),
        (path_to("portal.dashboard"), "Go to dashboard"),
    ]
