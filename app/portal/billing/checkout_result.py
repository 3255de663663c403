"""What the page after Stripe's page says: only what Stripe has said. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.portal.billing.status import BillingStatus
from app.statements import wording
from app.statements import wording as words
from app.web.addresses import path_to

LOOKS = 15  # every two seconds: half a minute, then a person decides
_SLOW = "This takes longer than usual. You can leave this page: nothing is lost, and we write to you when it is done."


@dataclass(frozen=True)
class Paid:
    """What moved: amount and card of the checkout that brought the person here."""

    amount: str
    card: str


@dataclass(frozen=True)
class ReturnView:
    """What templates/billing/return.html shows. `again` is the address of the next look; None when settled.

    `polls` says that the page looks by itself; `kind` is good, waiting, near or bad; `acts` are (address, words).
    """

    kind: str
    title: str
    lines: Sequence[str]
    facts: Sequence[tuple[str, str]]
    acts: Sequence[tuple[str, str]]
    again: str | None
    polls: bool

    @property
    def icon(self) -> str:
        """The mark above the title."""
        return {"good": "check", "waiting": "clock", "near": "alert", "bad": "cross"}[self.kind]


def return_view(
    state: str, at: BillingStatus, *, plan: str | None, retry: str, again: str, looks: int, paid: Paid | None = None
) -> ReturnView:
    """Say what is known of a checkout in `state` (as `fulfil` answers, or "failed").

    `plan` is the plan it was for, None for a card; `retry` is where to begin anew; `looks` counts the looks so far.
    """
    settled = state not in {"waiting", "open", "away"}
    polls = not settled and looks < LOOKS
    kind, title, lines = _SAID[state](plan or "the card", at, polls)
    return ReturnView(
        kind=kind,
        title=title,
        lines=lines,
        facts=_facts(at, paid) if state == "paid" else [],
        acts=_acts(state, retry, card=plan is None),
        again=None if settled else again,
        polls=polls,
    )


Said = tuple[str, str, list[str]]


def _paid(plan: str, at: BillingStatus, _: bool) -> Said:
    if at.plan_name != plan:
        return "good", "The payment is confirmed", [f"{plan} was paid for. You are on {at.plan_name} now."]
    return "good", f"You are on {plan}", [f"Stripe confirmed the payment, and the limits of {plan} hold already."]


def _saved(_plan: str, _at: BillingStatus, _: bool) -> Said:
    return "good", "The card is saved", ["Stripe charges it from the next payment on."]


def _waiting(plan: str, _at: BillingStatus, polls: bool) -> Said:
    lines = [f"Stripe has your order for {plan}, and the payment is not confirmed yet. The plan changes once it is."]
    return "waiting", "Waiting for the payment", lines if polls else [*lines, _SLOW]


def _open(plan: str, _at: BillingStatus, polls: bool) -> Said:
    if polls:
        return "waiting", "Asking Stripe", [f"Stripe has not told us of a payment for {plan} so far."]
    lines = [
        "Stripe has not told us of a payment: it was declined, or not finished. Nothing was charged.",
        "You can go back to the payment page and finish it there, with another card too.",
    ]
    return "near", "Not paid", lines


def _expired(plan: str, _at: BillingStatus, _: bool) -> Said:
    return "near", "The payment page has closed", [f"Nothing was charged for {plan}. Begin again when you like."]


def _failed(plan: str, _at: BillingStatus, _: bool) -> Said:
    lines = [f"Stripe could not open the payment page for {plan}. Nothing was charged. Begin again."]
    return "bad", "This did not work", lines


def _away(plan: str, _at: BillingStatus, polls: bool) -> Said:
    lines = [
        "We cannot say yet whether the payment went through.",
        f"If it did, {plan} is yours as soon as Stripe answers. Do not pay twice; nothing is lost.",
    ]
    return "near", "Stripe does not answer", lines if polls else [*lines, _SLOW]


_SAID = {
    "paid": _paid,
    "saved": _saved,
    "waiting": _waiting,
    "open": _open,
    "expired": _expired,
    "failed": _failed,
    "away": _away,
}


def _facts(at: BillingStatus, paid: Paid | None) -> list[tuple[str, str]]:
    found = []
    if paid is not None:
        found.append(("Paid", paid.amount))
        if paid.card:
            found.append(("Card", paid.card))
    if at.paid_by_stripe and at.renews_at is not None and at.fee and at.currency:
        found.append(("Next payment", f"{wording.amount(at.fee, at.currency)}, before tax and discounts"))
        found.append(("On", words.deadline(at.renews_at, at.time_zone)))
    return found


def _acts(state: str, retry: str, *, card: bool) -> list[tuple[str, str]]:
    if state == "paid":
        return [(path_to("portal.dashboard"), "See the new limits"), (path_to("billing.index"), "Open billing")]
    if state in {"saved", "waiting", "away"}:
        return [(path_to("billing.index"), "Open billing")]
    return [(retry, "Back to billing" if card else "Back to the plan"), (path_to("portal.dashboard"), "Leave it")]
