"""Takes a quote as the API does: what it is for is checked, and a refusal comes with a new quote where that helps."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.kit.actor import Actor
from app.kit.errors import DomainError, FieldError, InvalidRequest
from app.payments.errors import QuoteExpired
from app.payments.plan_changes.case import load_case
from app.payments.plan_changes.confirm import confirm_change
from app.payments.plan_changes.offer import offer_change
from app.payments.plan_changes.outcome import ChangeResult
from app.payments.plan_changes.plan_ahead import is_later, plan_ahead, undo_planned
from app.payments.plan_changes.quote import read_quote
from app.payments.schemas import PlanChosen
from app.subscriptions import queries as subscriptions
from app.subscriptions.changes.timing import ChangeDecision
from app.web.database import end_read_transaction
from app.web.database import session as reading
from app.web.runtime import runtime


class ChangeDeclined(DomainError):
    """The card was declined; the change can still be paid at `pay_url`, or is dropped."""

    code = "payment_refused"


def take_quote(org_id: UUID, chosen: PlanChosen, signed: str, *, actor: Actor, now: datetime) -> ChangeResult:
    """Confirm the quote of the plan that was chosen.

    Raises as `confirm_change` does; `QuoteExpired` with a new quote, if there is one; `ChangeDeclined`;
    `InvalidRequest` if the quote is for another plan.
    """
    quote = read_quote(signed, runtime().settings.secret_key, org_id)
    if (quote.plan, quote.interval, quote.currency) != (chosen.plan, chosen.interval, chosen.currency):
        raise InvalidRequest("The quote is for another plan.", [FieldError("quote", "is for another plan or price")])
    try:
        result = confirm_change(org_id, signed, actor=actor, now=now)
    except QuoteExpired as expired:
        expired.facts |= _offer_again(org_id, chosen, now)
        raise
    if result.state == "declined":
        detail = f"{result.reason or 'The card was declined.'} Nothing was charged and the plan is as before."
        raise ChangeDeclined(detail, pay_url=result.pay_url)
    return result


def take_later(org_id: UUID, chosen: PlanChosen, *, actor: Actor, now: datetime) -> datetime | None:
    """Plan a change that takes effect at the end of the paid period; returns when. None: it is no such change.

    Choosing the running plan undoes the change that was planned.
    """
    decision = _find_decision(org_id, chosen, now)
    if decision is None:
        return None
    if decision.timing == "at_once":  # unless more is credited than charged, which the price tells
        decision = offer_change(org_id, chosen.plan, chosen.interval, now).decision
    if decision.reason == "same":
        undo_planned(org_id, actor=actor, now=now)
        return None
    if decision.reason == "planned" or decision.timing == "at_period_end" or is_later(decision.timing, chosen.interval):
        return plan_ahead(org_id, chosen.plan, chosen.interval, actor=actor, now=now)
    return None


def _find_decision(org_id: UUID, chosen: PlanChosen, now: datetime) -> ChangeDecision | None:
    """The decision about a change, for who pays through Stripe."""
    current = subscriptions.find_subscription(reading(), org_id)
    if current is None or current.collection != "stripe" or current.currency != chosen.currency:
        return None
    try:
        return load_case(reading(), org_id, chosen.plan, chosen.interval, now).decision
    except DomainError:
        return None
    finally:
        end_read_transaction()


def _offer_again(org_id: UUID, chosen: PlanChosen, now: datetime) -> dict[str, object]:
    """The facts of a new quote; none if there can't be one now."""
    try:
        offer = offer_change(org_id, chosen.plan, chosen.interval, now)
    except DomainError:
        return {}
    if offer.quoted is None:
        return {}
    return {"quote": offer.signed, "amount_due": offer.quoted.quote.amount_due}
