"""Staff page of one organisation, and its actions: assign a plan, suspend, resume, end a second subscription."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy import Row
from wtforms import SelectField
from wtforms.validators import DataRequired, InputRequired, Length

from app.accounts import guards
from app.accounts.orgs.suspension import resume, suspend
from app.admin import org_payments, queries
from app.admin.inbox_words import find_list_error
from app.admin.plans import AssignablePlan, assign_plan_and_recount, list_assignable_plans
from app.admin.views import pages
from app.audit import queries as audit
from app.kit.actor import Actor
from app.kit.errors import DomainError, NotFound
from app.metering.queries import list_latest_events
from app.payments.end_second import end_second_subscription
from app.portal.dashboard.events import build_event_rows
from app.portal.dashboard.view import build_bars
from app.statements import wording
from app.statements.current_usage import CurrentUsage, get_current_usage
from app.web.database import session, transaction
from app.web.forms import PageForm, PlainField
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now, wall_now

__all__ = ["actor_for", "pages"]  # the factory imports the blueprint from here, once all its routes are registered

_EVENTS = 10
_ENTRIES = 15
_PAYMENTS = 8


class PlanForm(PageForm):
    """A plan at one of its prices."""

    offer = SelectField("Plan and price", validators=[InputRequired("Choose a plan.")])


class ReasonForm(PageForm):
    """The reason for an action, recorded in the audit log."""

    reason = PlainField("Reason", [DataRequired("Enter a reason."), Length(max=500)])


@pages.get("/admin/orgs/<uuid:org_id>")
def org(org_id: UUID) -> Response:
    """Members, plan, usage, latest events, audit entries, and the action forms."""
    return _page(org_id)


@pages.post("/admin/orgs/<uuid:org_id>/plan")
def assign_plan(org_id: UUID) -> Response:
    """Put the organisation on a plan version; its limits apply at once."""
    plans = list_assignable_plans(queries.list_offers(session()))
    form = _plan_form(plans)
    if not form.validate_on_submit():
        return _page(org_id, plan_form=form, status=422)
    chosen = next(plan for plan in plans if plan.value == form.offer.data)
    try:
        with transaction() as open_session:
            changed = assign_plan_and_recount(open_session, org_id, chosen, actor=actor_for(org_id), now=business_now())
    except DomainError as refused:
        if isinstance(refused, NotFound):
            raise
        form.offer.errors = [refused.detail]
        return _page(org_id, plan_form=form, status=422)
    words = f"The plan is now {chosen.label}." if changed else "The organisation is already on that plan."
    flash_message("success" if changed else "info", words)
    return redirect_to("admin.org", org_id=org_id)


@pages.post("/admin/orgs/<uuid:org_id>/suspend")
def suspend_org(org_id: UUID) -> Response:
    """Refuse the organisation's API keys; its pages stay open."""
    return _decide(org_id, suspend, "The organisation is suspended. Its API keys are refused.")


@pages.post("/admin/orgs/<uuid:org_id>/resume")
def resume_org(org_id: UUID) -> Response:
    """Accept the organisation's API keys again."""
    return _decide(org_id, resume, "The organisation is active again.")


@pages.post("/admin/orgs/<uuid:org_id>/subscriptions/<subscription_id>/end")
def end_subscription(org_id: UUID, subscription_id: str) -> Response:
    """End a second subscription at Stripe at once; the one that pays for the plan goes on."""
    try:
        end_second_subscription(org_id, subscription_id, actor=actor_for(org_id), now=business_now())
    except DomainError as trouble:
        flash_message("error", trouble.detail)
    else:
        flash_message("success", "The second subscription has ended. Refund what it cost in Stripe's dashboard.")
    return redirect_to("admin.org", org_id=org_id)


def _decide(org_id: UUID, act: Callable[..., bool], words: str) -> Response:
    form = ReasonForm()
    if not form.validate_on_submit():
        return _page(org_id, reason_form=form, status=422)
    with transaction() as open_session:
        act(open_session, org_id, str(form.reason.data), actor=actor_for(org_id), now=wall_now())
    guards.clear_key_cache()
    flash_message("success", words)
    return redirect_to("admin.org", org_id=org_id)


def _page(
    org_id: UUID, *, plan_form: PlanForm | None = None, reason_form: ReasonForm | None = None, status: int = 200
) -> Response:
    rows = queries.list_org_rows_with_stripe(session(), org_id, limit=_PAYMENTS)
    if not rows:
        raise NotFound("There is no such organisation.")
    usage = get_current_usage(session(), org_id, business_now())
    names = {meter.key: meter.name for meter in usage.meters}
    return render(
        "admin/org.html",
        status=status,
        org=rows[0],
        members=[row for row in rows if row.user_id is not None],
        usage=usage,
        bars=build_bars(usage),
        sentence=wording.summarise_usage(usage)[1],
        cost=wording.format_amount(usage.cost, usage.currency),
        projected=wording.format_amount(usage.projected_cost, usage.currency),
        events=build_event_rows(list_latest_events(session(), org_id, _EVENTS), names),
        entries=audit.list_entries(session(), org_id, limit=_ENTRIES),
        people=_people(rows),
        payments=org_payments.parse_payments(rows[0].stripe),
        list_error=find_list_error,
        plan_form=plan_form
        or _plan_form(list_assignable_plans(queries.list_offers(session())), _current_option(rows[0], usage)),
        reason_form=reason_form or ReasonForm(),
    )


def _plan_form(plans: Sequence[AssignablePlan], chosen: str | None = None) -> PlanForm:
    form = PlanForm(data={"offer": chosen} if chosen else None)
    form.offer.choices = [(plan.value, plan.label) for plan in plans]
    return form


def _current_option(head: Row[Any], usage: CurrentUsage) -> str:
    """The form's preselected option: the current plan at its price."""
    return f"{usage.plan_version_id}:{head.interval or 'month'}:{usage.currency}"


def _people(rows: Sequence[Row[Any]]) -> dict[UUID, str]:
    """Members' names by user id, for the audit table."""
    return {row.user_id: row.user_name for row in rows if row.user_id is not None}


def actor_for(org_id: UUID | None) -> Actor:
    """The signed-in staff member as an actor for the organisation."""
    return replace(guards.caller().actor, kind="staff", acting_for=org_id)
