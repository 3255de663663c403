"""Buying a plan, and cancelling it: the pages before the press, and the press."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from flask import Response, request

from app.accounts import guards
from app.kit.errors import DomainError, NotFound
from app.payments import cancel, gateway
from app.payments.checkout import open_checkout
from app.portal.billing.blueprint import billing, plan_managers_to_ask, redirect_to_stripe, render_failure
from app.portal.billing.cancellation import cancel_view
from app.portal.billing.status import billing_status
from app.portal.billing.upgrade import upgrade_view
from app.portal.shell.people import MAY_CHANGE_PLAN, org_of
from app.portal.shell.plan_detail import plan_detail_view
from app.statements.current_usage import CurrentUsage, current_usage
from app.statements.offers import Offer, offers
from app.statements.plan_context import INTERVALS, PlanContext, currencies_of
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
    offer = _named(key, offers(session()))
    if sent.get("version") != str(offer.version_id):
        return _upgrade_page(key, trouble="The plan has changed since you opened this page. Look again.", status=409)
    try:
        opened = open_checkout.open_checkout(
            org_of(who),
            plan_key=key,
            interval=sent.get("interval", ""),
            currency=sent.get("currency", ""),
            actor=who.actor,
            now=business_now(),
        )
    except open_checkout.AlreadyPaid:
        flash_message("success", f"{offer.name} is paid for already, and yours.")
        return redirect_to("billing.index")
    except DomainError as trouble:
        return render_failure(trouble, partial(_upgrade_page, key))
    return redirect_to_stripe(opened.url)


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
        return render_failure(trouble, _cancel_page)
    flash_message("success", "The plan ends with the time that is paid for. Until then you can undo it here.")
    return redirect_to("billing.index")


@billing.post("/cancel/undo")
def undo_cancel() -> Response:
    """Let the plan run on."""
    who = guards.caller()
    try:
        cancel.undo_cancel(org_of(who), actor=who.actor, now=business_now())
    except DomainError as trouble:
        return render_failure(trouble, _cancel_page)
    flash_message("success", "The plan goes on as before.")
    return redirect_to("billing.index")


def _upgrade_page(key: str, *, trouble: str | None = None, status: int = 200) -> Response:
    who, now = guards.caller(), business_now()
    org = org_of(who)
    at, usage = billing_status(session(), org, now), current_usage(session(), org, now)
    found = offers(session(), usage.plan_key)
    offer = _named(key, found)
    known = [each for each in currencies_of([offer]) if who.currency in {None, each}]
    seen = _seen(known, usage, may_change=who.role in MAY_CHANGE_PLAN)
    held = next((each for each in found if each.key == usage.plan_key), None)
    view = upgrade_view(
        offer,
        plan_detail_view(offer, held, seen, usage, plan_managers_to_ask(who)),
        seen,
        at,
        currencies=known,
        payments_on=gateway.payments_on(),
        left="left" in request.args,
        trouble=trouble,
    )
    return render("billing/upgrade.html", status=status, view=view)


def _cancel_page(*, trouble: str | None = None, status: int = 200) -> Response:
    who, now = guards.caller(), business_now()
    org = org_of(who)
    at, usage = billing_status(session(), org, now), current_usage(session(), org, now)
    view = cancel_view(
        at,
        usage,
        offers(session(), usage.plan_key),
        may_change=who.role in MAY_CHANGE_PLAN,
        payments_on=gateway.payments_on(),
        people=plan_managers_to_ask(who),
        trouble=trouble,
    )
    return render("billing/cancel.html", status=status, view=view)


def _seen(known: Sequence[str], usage: CurrentUsage, *, may_change: bool) -> PlanContext:
    """The choice in the address or in the form that was sent; what is not for sale falls back."""
    interval, currency = request.values.get("interval", ""), request.values.get("currency", "")
    if currency not in known:
        currency = usage.currency if usage.currency in known or not known else known[0]
    interval = interval if interval in INTERVALS else usage.interval
    return PlanContext(currency, interval, usage.plan_key, may_change=may_change)


def _named(key: str, found: Sequence[Offer]) -> Offer:
    for each in found:
        if each.key == key:
            return each
    raise NotFound("There is no such plan.")
