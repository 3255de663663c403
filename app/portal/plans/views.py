"""The plan comparison, and the page of one plan: its price, what would change, and how to get it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request

from app.accounts import guards
from app.accounts.identity import Caller
from app.accounts.roles import PLAN_MANAGERS
from app.kit.errors import NotFound
from app.kit.periods import Period
from app.portal.plans.view import build_plans_view
from app.portal.shell import people as shell_people
from app.portal.shell.may_try import may_still_try
from app.portal.shell.plan_detail import build_plan_detail_view
from app.statements import queries
from app.statements.current_usage import CurrentUsage, get_current_usage
from app.statements.offers import Offer, list_offers
from app.statements.plan_context import INTERVALS, PlanContext, is_sold, list_currencies
from app.statements.replay import Replay
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

plans = Blueprint("plans", __name__)

_LOOK_BACK = timedelta(days=70)


@plans.get("/plans")
def index() -> Response:
    """Compare all plans. Members see their own plan marked and their last period priced on each."""
    usage = _find_usage(guards.caller())
    offers = list_offers(session(), usage.plan_version_id if usage else None)
    context = _build_context(offers, usage, guards.caller())
    choices = [context.currency] if _fixed(guards.caller()) else list_currencies(offers)
    replay = _replay(usage, context.currency) if usage else None
    return render("plans/plans.html", view=build_plans_view(offers, context, choices, replay))


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
    view = build_plan_detail_view(offer, current, context, usage, people, signed_in=bool(who.user_id))
    return render("plans/plan.html", view=view)


def _find_usage(who: Caller) -> CurrentUsage | None:
    return get_current_usage(session(), who.org_id, business_now()) if who.org_id and who.user_id else None


def _fixed(who: Caller) -> bool:
    """Whether the currency is fixed by the first payment or the current plan."""
    return who.currency is not None


def _build_context(offers: Sequence[Offer], usage: CurrentUsage | None, who: Caller) -> PlanContext:
    currencies = list_currencies(offers)
    preferred = usage.currency if usage else "USD"
    requested = request.args.get("currency", "")
    currency = requested if requested in currencies and not _fixed(who) else preferred
    if currency not in currencies and currencies:
        currency = currencies[0]
    interval = request.args.get("interval", "")
    interval = interval if interval in INTERVALS else usage.interval if usage else "month"
    return PlanContext(currency, interval, usage.plan_key if usage else None,
                may_change=usage is None or who.role in PLAN_MANAGERS,
                paid_interval=usage.paid_interval if usage else None,
                may_try=usage is None or may_still_try(offers, usage))  # fmt: skip


def _replay(usage: CurrentUsage, currency: str) -> Replay | None:
    """The last period with any usage, the current one if there is none before it; and what the current one needs."""
    start = usage.period.start
    rows = [row for row in queries.list_period_rows(session(), usage.org_id, start - _LOOK_BACK, start) if row.key]
    used = [row for row in rows if row.used + row.imported]
    if used:
        last = [row for row in used if row.starts_at == used[-1].starts_at]
        words = _words(Period(last[0].starts_at, last[0].ends_at), usage.time_zone)
        return Replay(words, {row.key: row.used + row.imported for row in last}, _list_needed(usage))
    so_far = {meter.key: meter.use.used + meter.use.imported for meter in usage.meters}
    if not any(so_far.values()):
        return None
    known = usage.currency == currency and not any(meter.use.imported for meter in usage.meters)
    owed = usage.usage_cost if known else None
    return Replay("this period so far", so_far, _list_needed(usage), owed)


def _list_needed(usage: CurrentUsage) -> dict[str, Decimal]:
    """What the running period has used, or will have at its pace."""
    return {meter.key: max(meter.use.used, meter.projected_use) for meter in usage.meters if meter.use.used}


def _words(period: Period, zone: str) -> str:
    """Name a whole calendar month by month, any other period by its days."""
    start = period.start.astimezone(ZoneInfo(zone))
    last = (period.end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
    if start.day == 1 and (last + timedelta(days=1)).day == 1 and start.month == last.month:
        return f"{start:%B %Y}"
    return f"{start.day} {start:%b} to {last.day} {last:%b %Y}"
