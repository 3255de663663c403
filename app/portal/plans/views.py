"""The plan comparison, and the page of one plan: its price, what would change, and how to get it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import Blueprint, Response, request

from app.accounts import guards
from app.accounts.identity import Caller
from app.accounts.roles import PLAN_MANAGERS
from app.kit.errors import NotFound
from app.portal.plans.requests import parse_comparison_query
from app.portal.plans.view import build_plans_view
from app.portal.shell import people as shell_people
from app.portal.shell.may_try import may_still_try
from app.portal.shell.plan_detail import build_plan_detail_view
from app.statements.current_usage import CurrentUsage, get_current_usage
from app.statements.fit.load import load_fit
from app.statements.moves import AnnouncedMove, find_announced_move
from app.statements.offers import Offer, list_offers
from app.statements.past_usage import list_past_periods
from app.statements.plan_context import INTERVALS, PlanContext, is_sold, list_currencies
from app.statements.plan_costs import is_own
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

plans = Blueprint("plans", __name__)


@plans.get("/plans")
def index() -> Response:
    """Compare all plans. Members see their own plan marked and their last months priced on each."""
    usage = _find_usage(guards.caller())
    offers = list_offers(session(), usage.plan_version_id if usage else None)
    context = _build_context(offers, usage, guards.caller())
    choices = [context.currency] if _fixed(guards.caller()) else list_currencies(offers)
    asked = parse_comparison_query(request.args)
    past = list_past_periods(session(), usage, asked.months) if usage else []
    view = build_plans_view(offers, context, choices, usage=usage, past=past, asked=asked)
    return render("plans/plans.html", view=replace(view, move=_find_move(usage, guards.caller())))


@plans.get("/plans/<key>")
def choose(key: str) -> Response:
    """One plan: its price, what would change from the current one, and how to get it."""
    who = guards.caller()
    usage = _find_usage(who)
    offers = list_offers(session(), usage.plan_version_id if usage else None)
    offer = next((offer for offer in offers if offer.key == key), None)
    context = _build_context(offers, usage, who)
    if offer is None or not is_sold(offer, context):
        raise NotFound("There is no such plan.")
    current = next((offer for offer in offers if usage and offer.key == usage.plan_key), None)
    people = [] if context.may_change or who.org_id is None else shell_people.list_plan_managers(session(), who.org_id)
    fit = load_fit(session(), offer, usage, offers) if usage and not is_own(offer, usage) else None
    view = build_plan_detail_view(
        offer, current, context, people, fit=fit, zone=who.time_zone, signed_in=bool(who.user_id)
    )
    own = usage is not None and usage.plan_key == key
    return render("plans/plan.html", view=replace(view, move=_find_move(usage, who) if own else None))


def _find_usage(who: Caller) -> CurrentUsage | None:
    return get_current_usage(session(), who.org_id, business_now()) if who.org_id and who.user_id else None


def _find_move(usage: CurrentUsage | None, who: Caller) -> AnnouncedMove | None:
    """What staff announced to the caller's organisation."""
    return find_announced_move(session(), who.org_id) if usage and usage.moves and who.org_id else None


def _fixed(who: Caller) -> bool:
    """Whether the currency is fixed by the first payment or the current plan."""
    return who.currency is not None


def _build_context(offers: Sequence[Offer], usage: CurrentUsage | None, who: Caller) -> PlanContext:
    currencies = list_currencies(offers)
    preferred = usage.currency if usage else "USD"
    requested = request.args.get("currency", "")
    currency = requested if requested in currencies and not _fixed(who) else preferred
    if currency not in currencies and currencies and not _fixed(who):
        currency = currencies[0]
    interval = request.args.get("interval", "")
    interval = interval if interval in INTERVALS else usage.interval if usage else "month"
    return PlanContext(currency, interval, usage.plan_key if usage else None,
                may_change=usage is None or who.role in PLAN_MANAGERS,
                paid_interval=usage.paid_interval if usage else None,
                may_try=usage is None or may_still_try(offers, usage))  # fmt: skip
