"""One organisation for staff: who, on what, how much; and the acts: give a plan, suspend, let go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Response
from flask_wtf import FlaskForm
from sqlalchemy import Row
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from app.accounts import guards
from app.accounts.orgs.suspension import resume, suspend
from app.admin import org_payments, queries
from app.admin.plans import GrantablePlan, choices, give
from app.admin.views import pages
from app.audit import queries as audit
from app.kit.actor import Actor
from app.kit.errors import DomainError, NotFound
from app.metering.queries import list_latest_events
from app.portal.dashboard.events import event_rows
from app.portal.dashboard.view import bars
from app.statements import wording
from app.statements.current_usage import CurrentUsage, current_usage
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now, wall_now

__all__ = ["actor_for", "pages"]  # the factory takes the blueprint from here, where every route is on it

_EVENTS = 10
_ENTRIES = 15
_PAYMENTS = 8


class PlanForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """Which plan, at which of its prices."""

    offer = SelectField("Plan and price", validators=[InputRequired("Choose a plan.")])


class ReasonForm(FlaskForm):  # type: ignore[misc]  # as above
    """Why it is done; it stands in the audit chain."""

    reason = StringField("Reason", validators=[InputRequired("Say why."), Length(max=500)])


@pages.get("/admin/orgs/<uuid:org_id>")
def org(org_id: UUID) -> Response:
    """Members, plan, bars, latest events, audit entries, and the forms."""
    return _page(org_id)


@pages.post("/admin/orgs/<uuid:org_id>/plan")
def give_plan(org_id: UUID) -> Response:
    """Put the org on a plan version; its limits hold from this second."""
    found = choices(queries.offers(session()))
    form = _plan_form(found)
    if not form.validate_on_submit():
        return _page(org_id, plan_form=form, status=422)
    chosen = next(each for each in found if each.value == form.offer.data)
    try:
        with transaction() as open_session:
            changed = give(open_session, org_id, chosen, actor=actor_for(org_id), now=business_now())
    except DomainError as refused:
        if isinstance(refused, NotFound):
            raise
        form.offer.errors = [refused.detail]
        return _page(org_id, plan_form=form, status=422)
    words = f"The plan is {chosen.label} now." if changed else "The organisation is on that plan already."
    flash_message("success" if changed else "info", words)
    return redirect_to("admin.org", org_id=org_id)


@pages.post("/admin/orgs/<uuid:org_id>/suspend")
def suspend_org(org_id: UUID) -> Response:
    """Stop serving the org's keys; its pages stay open."""
    return _decide(org_id, suspend, "The organisation is suspended; its keys are refused.")


@pages.post("/admin/orgs/<uuid:org_id>/resume")
def resume_org(org_id: UUID) -> Response:
    """Serve the org's keys again."""
    return _decide(org_id, resume, "The organisation goes on.")


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
    rows = queries.org_with_stripe(session(), org_id, many=_PAYMENTS)
    if not rows:
        raise NotFound("There is no such organisation.")
    usage = current_usage(session(), org_id, business_now())
    names = {meter.key: meter.name for meter in usage.meters}
    return render(
        "admin/org.html",
        status=status,
        org=rows[0],
        members=[row for row in rows if row.user_id is not None],
        usage=usage,
        bars=bars(usage),
        sentence=wording.state(usage)[1],
        cost=wording.amount(usage.cost, usage.currency),
        projected=wording.amount(usage.projected_cost, usage.currency),
        events=event_rows(list_latest_events(session(), org_id, _EVENTS), names),
        entries=audit.entries(session(), org_id, limit=_ENTRIES),
        people=_people(rows),
        payments=org_payments.read(rows[0].stripe),
        plan_form=plan_form or _plan_form(choices(queries.offers(session())), _held(rows[0], usage)),
        reason_form=reason_form or ReasonForm(),
    )


def _plan_form(found: Sequence[GrantablePlan], held: str | None = None) -> PlanForm:
    form = PlanForm(data={"offer": held} if held else None)
    form.offer.choices = [(each.value, each.label) for each in found]
    return form


def _held(head: Row[Any], usage: CurrentUsage) -> str:
    """What the form shows as chosen: the plan that the org is on, at its price."""
    return f"{usage.plan_version_id}:{head.interval or 'month'}:{usage.currency}"


def _people(rows: Sequence[Row[Any]]) -> dict[UUID, str]:
    """Names for the audit table: who acted, where it was a member."""
    return {row.user_id: row.user_name for row in rows if row.user_id is not None}


def actor_for(org_id: UUID | None) -> Actor:
    """Who is signed in, as one of the staff who acts for the org."""
    return replace(guards.caller().actor, kind="staff", acting_for=org_id)
