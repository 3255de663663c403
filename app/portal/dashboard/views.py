"""Home page and dashboard."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response

from app.accounts import guards
from app.accounts.identity import Caller
from app.accounts.roles import MANAGERS, PLAN_MANAGERS
from app.kit.errors import DomainError
from app.kit.periods import month_of
from app.metering.queries import list_latest_events
from app.portal.dashboard import first_steps, queries
from app.portal.dashboard.events import build_event_rows
from app.portal.dashboard.view import build_dashboard as assemble
from app.portal.dashboard.view import list_pressing_meters
from app.portal.dashboard.view_models import ChecklistStep, EventRow, MeterBar
from app.portal.shell import people
from app.portal.shell.banner import Banner, build_banner, find_banner_facts
from app.portal.shell.people import get_org_id
from app.portal.shell.upgrade_hints import UpgradeHint, hint_larger_plan, hint_whom_to_ask
from app.statements.current_usage import CurrentUsage, get_current_usage
from app.statements.offers import list_offers
from app.statements.plan_context import PlanContext
from app.subscriptions.entitlements import get_entitlements
from app.web.database import session
from app.web.pages import redirect_to, render
from app.web.runtime import business_now, runtime

pages = Blueprint("portal", __name__)

LATEST = 10


@pages.get("/")
def home() -> Response:
    """The landing page; signed-in users are redirected to the dashboard, staff without an organisation to theirs."""
    who = guards.caller()
    if who.user_id is not None:
        return redirect_to("admin.index" if who.staff and who.org_id is None else "portal.dashboard")
    curl = first_steps.build_curl(runtime().settings.base_url, "api_calls")
    return render("dashboard/home.html", bars=sample_bars(business_now()), curl=curl)


@pages.get("/dashboard")
def dashboard() -> Response:
    """Bars, cost, prompts and latest events. The bars are a fragment that polls for updates."""
    who = guards.caller()
    org = get_org_id(who)
    usage = get_current_usage(session(), org, business_now())
    events = build_event_rows(list_latest_events(session(), org, LATEST))
    view = assemble(
        usage,
        events=events,
        steps=_steps(usage, events, who),
        advice=_advice(usage, who),
        may_upgrade=who.role in PLAN_MANAGERS,
        suspended=who.suspended,
        watched=runtime().settings.sandbox,
    )
    return render("dashboard/dashboard.html", fragments=("bars",), view=view)


@pages.app_context_processor
def _for_other_pages() -> dict[str, Any]:
    """Template globals: the new-key page needs a meter for its example, and every layout shows the billing banner."""
    return {"example_meter": _example_meter, "billing_banner": _banner}


def _banner() -> Banner | None:
    """The banner for an organisation whose payment is late or whose plan is ending. One query, run by the layout."""
    who = guards.caller()
    if who.user_id is None or who.org_id is None or not who.verified:
        return None
    return build_banner(find_banner_facts(runtime().pool, who.org_id, business_now()), who.role, who.time_zone)


def _example_meter() -> str:
    """A meter of the organisation's plan, for the example on the new-key page."""
    org_id = guards.caller().org_id
    try:
        meters = get_entitlements(session(), org_id, business_now()).meters if org_id else ()
    except DomainError:
        meters = ()  # the page shows a secret only once, so an empty catalogue must not break it
    return meters[0].meter.key if meters else "api_calls"


def _steps(usage: CurrentUsage, events: list[EventRow], who: Caller) -> list[ChecklistStep]:
    if not first_steps.is_shown(usage, events):
        return []
    facts = queries.get_first_step_facts(session(), usage.org_id)
    steps = first_steps.list_steps(usage, facts, runtime().settings.base_url, may_manage=who.role in MANAGERS)
    return steps if any(not step.done for step in steps) else []


def _advice(usage: CurrentUsage, who: Caller) -> dict[str, UpgradeHint]:
    """Upgrade hints for the meters near their limit; queries the database only if there are any."""
    meters = list_pressing_meters(usage)
    if not meters:
        return {}
    if who.role not in PLAN_MANAGERS:
        words = hint_whom_to_ask(people.list_plan_managers(session(), usage.org_id))
        return {meter.key: words for meter in meters}
    sold = list_offers(session(), usage.plan_version_id)
    context = PlanContext(usage.currency, usage.interval, usage.plan_key, paid_interval=usage.paid_interval)
    return {meter.key: hint_larger_plan(meter, sold, context) for meter in meters}


def sample_bars(now: datetime) -> list[MeterBar]:
    """Sample bars: one fine, one near its limit, one above its allowance."""
    resets = month_of(now, "UTC").end
    return [
        MeterBar("sample-calls", "API calls", "calls", Decimal(31204), Decimal(50000), 62, resets,
                 policy="Above that, usage costs $0.01 each."),
        MeterBar("sample-minutes", "Minutes", "minutes", Decimal(1014), Decimal(1200), 84, resets, state="near",
                 policy="Refused at 100 %.", forecast="Full around Tuesday 14:00."),
        MeterBar("sample-documents", "Documents", "documents", Decimal(1120), Decimal(1000), 112, resets, state="over",
                 policy="Above that, usage costs $0.05 each."),
    ]  # fmt: skip
