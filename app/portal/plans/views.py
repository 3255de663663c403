"""The plans page, and one plan: what it costs, what would change, and how to get it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from sqlalchemy import Row

from app.accounts import guards
from app.accounts.identity import Caller
from app.kit.errors import NotFound
from app.kit.periods import Period
from app.portal.plans.view import plans_view
from app.portal.shell import people as shell_people
from app.portal.shell.people import MAY_CHANGE_PLAN
from app.portal.shell.plan_detail import plan_detail_view
from app.statements import queries
from app.statements.current_usage import CurrentUsage, current_usage
from app.statements.figures import MeterUse
from app.statements.offers import Offer, offers
from app.statements.plan_context import INTERVALS, PlanContext, currencies_of, is_sold
from app.statements.replay import Replay
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

plans = Blueprint("plans", __name__)

_LOOK_BACK = timedelta(days=70)


@plans.get("/plans")
def index() -> Response:
    """Every plan beside the others; for a member with the own plan marked and the last period priced on each."""
    standing = _standing(guards.caller())
    found = offers(session(), standing.plan_key if standing else None)
    seen = _seen(found, standing, guards.caller())
    choices = [seen.currency] if _fixed(guards.caller()) else currencies_of(found)
    replay = _replay(standing) if standing else None
    return render("plans/plans.html", view=plans_view(found, seen, choices, replay))


@plans.get("/plans/<key>")
def choose(key: str) -> Response:
    """One plan: its price, what would change from the present one, and how to get it."""
    who = guards.caller()
    standing = _standing(who)
    found = offers(session(), standing.plan_key if standing else None)
    offer = next((each for each in found if each.key == key), None)
    seen = _seen(found, standing, who)
    if offer is None or not is_sold(offer, seen):
        raise NotFound("There is no such plan.")
    held = next((each for each in found if standing and each.key == standing.plan_key), None)
    people = [] if seen.may_change or who.org_id is None else shell_people.list_plan_managers(session(), who.org_id)
    view = plan_detail_view(offer, held, seen, standing, people, signed_in=bool(who.user_id))
    return render("plans/plan.html", view=view)


def _standing(who: Caller) -> CurrentUsage | None:
    return current_usage(session(), who.org_id, business_now()) if who.org_id and who.user_id else None


def _fixed(who: Caller) -> bool:
    """Whether the currency is fixed: by the first payment, or with the plan that the org is on."""
    return who.currency is not None


def _seen(found: Sequence[Offer], standing: CurrentUsage | None, who: Caller) -> PlanContext:
    known = currencies_of(found)
    preferred = standing.currency if standing else "USD"
    asked = request.args.get("currency", "")
    currency = asked if asked in known and not _fixed(who) else preferred
    if currency not in known and known:
        currency = known[0]
    interval = request.args.get("interval", "")
    interval = interval if interval in INTERVALS else standing.interval if standing else "month"
    return PlanContext(currency, interval, standing.plan_key if standing else None,
                may_change=standing is None or who.role in MAY_CHANGE_PLAN,
                paying=standing is not None and standing.collection == "stripe")  # fmt: skip


def _replay(standing: CurrentUsage) -> Replay | None:
    """The last period that had any use; the running one when there is none before it."""
    start = standing.period.start
    rows = [row for row in queries.periods(session(), standing.org_id, start - _LOOK_BACK, start) if row.key]
    used = [row for row in rows if row.used]
    if used:
        last = [row for row in used if row.starts_at == used[-1].starts_at]
        words = _words(Period(last[0].starts_at, last[0].ends_at), standing.time_zone)
        return Replay(words, {row.key: _use(row) for row in last})
    if not any(meter.use.used for meter in standing.meters):
        return None
    return Replay("this period so far", {meter.key: meter.use for meter in standing.meters if meter.use.used})


def _use(row: Row[Any]) -> MeterUse:
    return MeterUse(row.used, row.reserved, row.unbilled)


def _words(period: Period, zone: str) -> str:
    """A whole month by its name, another period by its days."""
    start = period.start.astimezone(ZoneInfo(zone))
    last = (period.end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
    if start.day == 1 and (last + timedelta(days=1)).day == 1 and start.month == last.month:
        return f"{start:%B %Y}"
    return f"{start.day} {start:%b} to {last.day} {last:%b %Y}"
