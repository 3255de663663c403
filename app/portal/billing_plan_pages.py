"""Buying a plan, coming back from Stripe's page, and cancelling."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import Response, request

from app.accounts import guards
from app.kit.errors import DomainError, NotFound
from app.kit.ids import parse_id
from app.payments import cancel, checkout, fulfil, gateway
from app.payments import queries as payments
from app.payments.models import Checkout
from app.portal import billing_history as histories
from app.portal import queries
from app.portal.advice import MAY_CHANGE_PLAN, Person
from app.portal.billing_cancel import cancel_view
from app.portal.billing_doors import billing, detail_of, leave, status_of
from app.portal.billing_return import Paid, return_view
from app.portal.billing_standing import standing
from app.portal.billing_upgrade import upgrade_view
from app.portal.billing_words import money
from app.portal.offers import Offer, offers
from app.portal.plan_choice import choice_view
from app.portal.plans import INTERVALS, Seen, currencies_of
from app.portal.usage_view import CurrentUsage, current_usage
from app.portal.views import org_of
from app.web.database import session
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now


@billing.get("/upgrade/<key>")
def upgrade(key: str) -> Response:
    """The money today and next time, and what changes; nothing is opened at Stripe before the press."""
    return _upgrade_page(key)


@billing.post("/upgrade/<key>")
def buy(key: str) -> Response:
    """Open Stripe's payment page and go there. Pressing twice, or in two tabs, leads to the same page."""
    who, sent = guards.caller(), request.form
    offer = _offer(key, None)
    if sent.get("version") != str(offer.version_id):
        return _upgrade_page(key, trouble="The plan has changed since you opened this page. Look again.", status=409)
    try:
        opened = checkout.open_checkout(
            org_of(who),
            plan_key=key,
            interval=sent.get("interval", ""),
            currency=sent.get("currency", ""),
            actor=who.actor,
            now=business_now(),
        )
    except checkout.AlreadyPaid:
        flash_message("success", f"{offer.name} is paid for already, and yours.")
        return redirect_to("billing.index")
    except DomainError as trouble:
        return _upgrade_page(key, trouble=detail_of(trouble), status=status_of(trouble))
    return leave(opened.url)


@billing.get("/return")
def come_back() -> Response:
    """What came of it, asked of Stripe: the address of this page proves nothing."""
    who, now = guards.caller(), business_now()
    org, sent = org_of(who), request.args.get("session_id", "")
    visit = payments.checkout(session(), org, parse_id(request.args.get("checkout", "")) or _none())
    if visit.session_id not in {sent, None} or not sent:
        raise NotFound("There is no such checkout.")
    state, looks = _state(visit, org, sent), _looks()
    visit = payments.checkout(session(), org, visit.id)
    plan = _plan_of(visit)
    view = return_view(
        state,
        standing(session(), org, now),
        plan=plan[1] if plan else None,
        retry=f"/billing/upgrade/{plan[0]}?interval={visit.interval}&currency={visit.currency}" if plan else "/billing",
        again=f"/billing/return?checkout={visit.id}&session_id={sent}&looks={looks + 1}",
        looks=looks,
        paid=_paid(org, visit) if state == "paid" else None,
    )
    return render("portal/billing_return.html", fragments=("result",), view=view)


@billing.get("/cancel")
def confirm_cancel() -> Response:
    """What stays until when, and what changes then; nothing happens before the press."""
    return _cancel_page()


@billing.post("/cancel")
def cancel_plan() -> Response:
    """Let the plan end with the time that is paid for."""
    who = guards.caller()
    try:
        cancel.cancel_at_period_end(org_of(who), actor=who.actor, now=business_now())
    except DomainError as trouble:
        return _cancel_page(trouble=detail_of(trouble), status=status_of(trouble))
    flash_message("success", "The plan ends with the time that is paid for. Until then you can undo it here.")
    return redirect_to("billing.index")


@billing.post("/cancel/undo")
def undo_cancel() -> Response:
    """Let the plan run on."""
    who = guards.caller()
    try:
        cancel.undo_cancel(org_of(who), actor=who.actor, now=business_now())
    except DomainError as trouble:
        return _cancel_page(trouble=detail_of(trouble), status=status_of(trouble))
    flash_message("success", "The plan goes on as before.")
    return redirect_to("billing.index")


def _upgrade_page(key: str, *, trouble: str | None = None, status: int = 200) -> Response:
    who, now = guards.caller(), business_now()
    org = org_of(who)
    at, usage = standing(session(), org, now), current_usage(session(), org, now)
    found = offers(session(), usage.plan_key)
    offer = next((each for each in found if each.key == key), None)
    if offer is None:
        raise NotFound("There is no such plan.")
    known = [each for each in currencies_of([offer]) if who.currency in {None, each}]
    seen = _seen(known, usage, may_change=who.role in MAY_CHANGE_PLAN)
    held = next((each for each in found if each.key == usage.plan_key), None)
    view = upgrade_view(
        offer,
        choice_view(offer, held, seen, usage, _people(org, may_change=seen.may_change)),
        seen,
        at,
        currencies=known,
        payments_on=gateway.payments_on(),
        left="left" in request.args,
        trouble=trouble,
    )
    return render("portal/billing_upgrade.html", status=status, view=view)


def _cancel_page(*, trouble: str | None = None, status: int = 200) -> Response:
    who, now = guards.caller(), business_now()
    org = org_of(who)
    at, usage = standing(session(), org, now), current_usage(session(), org, now)
    found = offers(session(), usage.plan_key)
    may_change = who.role in MAY_CHANGE_PLAN
    view = cancel_view(
        at,
        usage,
        found,
        may_change=may_change,
        payments_on=gateway.payments_on(),
        people=_people(org, may_change=may_change),
        trouble=trouble,
    )
    return render("portal/billing_cancel.html", status=status, view=view)


def _seen(known: Sequence[str], usage: CurrentUsage, *, may_change: bool) -> Seen:
    """The choice in the address or in the form that was sent; what is not for sale falls back."""
    interval, currency = request.values.get("interval", ""), request.values.get("currency", "")
    if currency not in known:
        currency = usage.currency if usage.currency in known or not known else known[0]
    interval = interval if interval in INTERVALS else usage.interval
    return Seen(currency, interval, usage.plan_key, may_change=may_change)


def _offer(key: str, own: str | None) -> Offer:
    for each in offers(session(), own):
        if each.key == key:
            return each
    raise NotFound("There is no such plan.")


def _people(org: UUID, *, may_change: bool) -> list[Person]:
    if may_change:
        return []
    return [Person(row.name, row.email) for row in queries.who_may_change_plan(session(), org)]


def _state(visit: Checkout, org: UUID, sent: str) -> str:
    """What is known already, else what Stripe says now."""
    done = visit.state == "completed"
    if done and (visit.purpose != "subscription" or _has_moved(org, visit)):
        return "paid" if visit.purpose == "subscription" else "saved"
    if not done and visit.state not in payments.OPEN_CHECKOUT:
        return "failed" if visit.state == "failed" else "expired"
    try:
        return fulfil.fulfil(org, sent, business_now())
    except NotFound:
        raise
    except DomainError:
        return "away"


def _has_moved(org: UUID, visit: Checkout) -> bool:
    """Whether the money has arrived: a session is complete as soon as it was ordered, and a bank debit takes days."""
    record = histories.of_checkout(session(), org, visit.id)
    return record is None or record.state in {"completed", "refunded"}


def _looks() -> int:
    given = request.args.get("looks", "0")
    return int(given) if given.isdigit() and len(given) < 4 else 0


def _none() -> UUID:
    raise NotFound("There is no such checkout.")


def _plan_of(visit: Checkout) -> tuple[str, str] | None:
    """Key and name of the plan that the checkout is for."""
    found = queries.plan_of_version(session(), visit.plan_version_id) if visit.plan_version_id else None
    return (found.key, found.name) if found else None


def _paid(org: UUID, visit: Checkout) -> Paid | None:
    record = histories.of_checkout(session(), org, visit.id)
    return Paid(money(record.amount, record.currency), histories.card(record)) if record else None
