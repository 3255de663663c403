"""Buying and cancelling a plan: the confirmation pages and their forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

from flask import Response, request
from sqlalchemy import TextualSelect

from app.accounts import guards
from app.accounts.identity import Caller
from app.accounts.queries import select_active_members
from app.accounts.roles import PLAN_MANAGERS
from app.kit.errors import DomainError, NotFound
from app.kit.postgres.together import AnySelect, prepare
from app.payments import cancel, gateway
from app.payments.checkout import open_checkout
from app.payments.plan_changes import confirm
from app.payments.plan_changes.case import select_case
from app.payments.plan_changes.offer import offer_change
from app.payments.plan_changes.quote import UnreadableQuote
from app.portal.billing.blueprint import (
    billing,
    describe_failure,
    plan_managers_to_ask,
    redirect_to_stripe,
    render_failure,
)
from app.portal.billing.plan.cancellation import build_cancel_view
from app.portal.billing.plan.change import calculate_extra_owed, describe_result
from app.portal.billing.plan.upgrade import PricedChange, build_upgrade_view, find_kind
from app.portal.billing.read_status import get_billing_status
from app.portal.shell.agreed import describe_overrides
from app.portal.shell.may_try import may_still_try
from app.portal.shell.people import get_org_id
from app.portal.shell.plan_detail import build_plan_detail_view
from app.statements.current_usage import CurrentUsage, get_current_usage
from app.statements.fit.load import load_fit
from app.statements.offers import Offer, list_offers, select_offers
from app.statements.past_usage import select_past_periods
from app.statements.plan_context import INTERVALS, PlanContext, find_fee, list_currencies
from app.subscriptions.overrides.held import list_overrides, select_overrides
from app.web.database import session
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now

_STALE = (
    "This page is out of date, or you have switched to another organisation. Nothing was charged. Please review it."
)
_SWITCHED = (
    "You have switched to another organisation since you opened this page. Nothing was charged. Please review it again."
)


@billing.get("/upgrade/<key>")
def upgrade(key: str) -> Response:
    """Price today and next time, and what changes. Opens nothing at Stripe."""
    return upgrade_page(key)


@billing.post("/upgrade/<key>")
def buy(key: str) -> Response:
    """Open a Stripe Checkout session and redirect to it. Submitting twice, or in two tabs, opens the same session.

    With a quote, which who pays already is shown, confirm that instead.
    """
    who, form = guards.caller(), request.form
    if form.get("quote"):
        return _confirm(key, form["quote"])
    offer = _named(key, list_offers(session()))
    if form.get("version") != str(offer.version_id):
        return upgrade_page(
            key, trouble="The plan has changed since you opened this page. Please review it again.", status=409
        )
    org = get_org_id(who)
    if form.get("org", str(org)) != str(org):
        return upgrade_page(key, trouble=_SWITCHED, status=409)
    try:
        opened = open_checkout.open_checkout(
            org,
            plan_key=key,
            interval=form.get("interval", ""),
            currency=form.get("currency", ""),
            actor=who.actor,
            now=business_now(),
        )
    except open_checkout.AlreadyPaid:
        flash_message("success", f"{offer.name} is already paid for and active.")
        return redirect_to("billing.index")
    except DomainError as trouble:
        return render_failure(trouble, partial(upgrade_page, key))
    return redirect_to_stripe(opened.url)


def _confirm(key: str, quote: str) -> Response:
    """Make the change of a quote; on to the billing page, or to the bank's question."""
    who = guards.caller()
    try:
        result = confirm.confirm_change(get_org_id(who), quote, actor=who.actor, now=business_now())
    except UnreadableQuote:
        return upgrade_page(key, trouble=_STALE, status=409)
    except DomainError as trouble:
        return render_failure(trouble, partial(upgrade_page, key))
    if result.state == "confirm" and result.pay_url:
        return redirect_to_stripe(result.pay_url)
    flash_message(*describe_result(result))
    return redirect_to("billing.index")


@billing.get("/cancel")
def confirm_cancel() -> Response:
    """What stays until when, and what changes then. Changes nothing."""
    return _cancel_page()


@billing.post("/cancel")
def cancel_plan() -> Response:
    """Cancel the plan at the end of the paid period."""
    who = guards.caller()
    try:
        cancel.cancel_at_period_end(get_org_id(who), actor=who.actor, now=business_now())
    except DomainError as trouble:
        return render_failure(trouble, _cancel_page)
    at = get_billing_status(session(), get_org_id(who), business_now())
    with_what = "trial. Nothing will be charged" if at.is_trial else "paid period"
    flash_message("success", f"Your plan will end with the {with_what}. You can undo this here until then.")
    return redirect_to("billing.index")


@billing.post("/cancel/undo")
def undo_cancel() -> Response:
    """Take the cancellation back."""
    who = guards.caller()
    try:
        cancel.undo_cancel(get_org_id(who), actor=who.actor, now=business_now())
    except DomainError as trouble:
        return render_failure(trouble, _cancel_page)
    flash_message("success", "Cancellation undone. Your plan continues as before.")
    return redirect_to("billing.index")


def upgrade_page(key: str, *, trouble: str | None = None, status: int = 200) -> Response:
    """The page of a plan to buy or change to; `trouble` is an error that an act on it met."""
    who, now = guards.caller(), business_now()
    org = get_org_id(who)
    at, usage = get_billing_status(session(), org, now), get_current_usage(session(), org, now)
    _prepare(who, org, usage, now, *(select_case(org) if at.paid_by_stripe else ()))
    offers = list_offers(session(), usage.plan_version_id)
    offer = _named(key, _list_sold(offers, usage, key))
    currencies = [code for code in list_currencies([offer]) if who.currency in {None, code}]
    context = replace(
        _build_context(currencies, usage, may_change=who.role in PLAN_MANAGERS), may_try=may_still_try([offer], usage)
    )
    current = next((offer for offer in offers if offer.key == usage.plan_key), None)
    payments_on = gateway.payments_on()
    changes = find_kind(offer, context, at, payments_on=payments_on) == "change"
    fit = None if offer.key == usage.plan_key else load_fit(session(), offer, usage, offers)
    people, agreed = plan_managers_to_ask(who), describe_overrides(list_overrides(session(), org, now), now)
    priced = _price_change(org, offer, context, usage) if changes else None  # ends what was read so far
    view = build_upgrade_view(
        offer,
        build_plan_detail_view(offer, current, context, people, fit=fit, zone=usage.time_zone),
        context,
        at,
        currencies=currencies,
        payments_on=payments_on,
        agreed=agreed,
        priced=priced,
        left="left" in request.args,
        trouble=trouble,
    )
    return render("billing/upgrade.html", status=status, view=view)


def _prepare(who: Caller, org: UUID, usage: CurrentUsage, now: datetime, *more: AnySelect | TextualSelect) -> None:
    """Read together what both pages are made of beside the status and the usage."""
    people = [] if who.role in PLAN_MANAGERS else [select_active_members(org, PLAN_MANAGERS)]
    prepare(
        session(),
        select_offers(usage.plan_version_id),
        select_past_periods(usage),
        select_overrides(org, now),
        *people,
        *more,
    )


def _price_change(org: UUID, offer: Offer, context: PlanContext, usage: CurrentUsage) -> PricedChange:
    """Have the change priced by Stripe; if that fails, say why and show the page all the same."""
    _, interval = find_fee(offer, context)
    try:
        offered = offer_change(org, offer.key, interval, business_now())
    except DomainError as failure:
        return PricedChange(None, describe_failure(failure))
    return PricedChange(offered, extra=calculate_extra_owed(usage, offer))


def _cancel_page(*, trouble: str | None = None, status: int = 200) -> Response:
    who, now = guards.caller(), business_now()
    org = get_org_id(who)
    at, usage = get_billing_status(session(), org, now), get_current_usage(session(), org, now)
    _prepare(who, org, usage, now)
    offers = list_offers(session(), usage.plan_version_id)
    fallback = next((offer for offer in offers if offer.is_default), None)
    view = build_cancel_view(
        at,
        usage,
        offers,
        fit=load_fit(session(), fallback, usage, offers) if fallback and at.paid_by_stripe else None,
        may_change=who.role in PLAN_MANAGERS,
        payments_on=gateway.payments_on(),
        people=plan_managers_to_ask(who),
        agreed=describe_overrides(list_overrides(session(), org, now), now),
        trouble=trouble,
    )
    return render("billing/cancel.html", status=status, view=view)


def _build_context(currencies: Sequence[str], usage: CurrentUsage, *, may_change: bool) -> PlanContext:
    """The interval and currency from the URL or the form; falls back where the plan isn't sold that way."""
    interval, currency = request.values.get("interval", ""), request.values.get("currency", "")
    if currency not in currencies:
        currency = usage.currency if usage.currency in currencies or not currencies else currencies[0]
    interval = interval if interval in INTERVALS else usage.interval
    return PlanContext(currency, interval, usage.plan_key, may_change=may_change, paid_interval=usage.paid_interval)


def _list_sold(offers: Sequence[Offer], usage: CurrentUsage, key: str) -> Sequence[Offer]:
    """What a plan's page is about: the viewer's own version, unless they could buy the plan as it is sold today."""
    if key != usage.plan_key or usage.collection != "offline":
        return offers
    return [*list_offers(session()), *offers]


def _named(key: str, offers: Sequence[Offer]) -> Offer:
    for offer in offers:
        if offer.key == key:
            return offer
    raise NotFound("There is no such plan.")
