"""Staff page of one organisation, and its actions: assign a plan, suspend, resume, end a second subscription."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy import Row
from wtforms import BooleanField, HiddenField, SelectField
from wtforms.validators import DataRequired, InputRequired

from app.accounts import guards
from app.accounts import queries as accounts
from app.accounts.orgs.suspension import resume, suspend
from app.accounts.reads import VIEWED, audit_read
from app.admin import org_payments, queries
from app.admin.actors import actor_for
from app.admin.billing_runs.view import CloseRow, build_close_row
from app.admin.inbox.words import find_list_error
from app.admin.offline.forms import TermsForm
from app.admin.offline.view import get_org_invoices, select_org_invoices
from app.admin.overrides.form import OverrideForm, build_override_form
from app.admin.plan_moves.words import describe_dates
from app.admin.plans import (
    AssignablePlan,
    assign_plan_and_move_usage,
    describe_assigned,
    list_assignable_plans,
    preview_assignment,
)
from app.admin.restrictions.form import RestrictionForm
from app.admin.views import pages
from app.audit import queries as audit
from app.audit.actions import describe_action
from app.billing_runs.queries import CloseFilter, list_closes, select_closes
from app.invoices.offline.terms import select_terms
from app.kit.errors import DomainError, NotFound, Unavailable
from app.kit.postgres.together import prepare
from app.metering.queries import list_latest_events
from app.payments.cancel import cancel_at_period_end, undo_cancel
from app.payments.end_second import end_second_subscription
from app.payments.plan_changes.apply_moves import undo_staff_move
from app.portal.dashboard.bars import build_bars
from app.portal.dashboard.events import build_event_rows
from app.portal.shell.agreed import describe_overrides
from app.statements import wording
from app.statements.current_usage import CurrentUsage, get_current_usage
from app.statements.moves import find_announced_move
from app.subscriptions.overrides.held import list_overrides, select_overrides
from app.subscriptions.terms.restriction import find_lift_end
from app.web.database import session, transaction
from app.web.forms import REASON_LENGTH, PageForm, PlainField
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now, wall_now

__all__ = ["pages"]  # `overrides.pages` imports the blueprint from here, once these routes are registered

_EVENTS = 10
_ENTRIES = 15
_PAYMENTS = 8
_CLOSES = 6
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


class PlanForm(PageForm):
    """A plan at one of its prices."""

    offer = SelectField("Plan and price", validators=[InputRequired("Choose a plan.")])
    shown = HiddenField()
    """The token of the decision that the page showed: a plan that is planned is not taken for one at once."""
    requested = BooleanField("The organisation asked for this plan: start now, without the notice")


class ReasonForm(PageForm):
    """The reason for an action, recorded in the audit log."""

    reason = PlainField("Reason", [DataRequired("Enter a reason."), REASON_LENGTH])


@pages.get("/admin/orgs/<uuid:org_id>")
def org(org_id: UUID) -> Response:
    """Members, plan, usage, latest events, audit entries, and the action forms. The look is audited."""
    answer = render_org_page(org_id)
    audit_read(actor_for(org_id), VIEWED, org_id)
    return answer


@pages.post("/admin/orgs/<uuid:org_id>/plan")
def assign_plan(org_id: UUID) -> Response:
    """Put the organisation on a plan version: at once, or planned, once its days have been shown."""
    plans = list_assignable_plans(queries.list_offers(session()))
    form = _plan_form(plans)
    if not form.validate_on_submit():
        return render_org_page(org_id, plan_form=form, status=422)
    chosen = next(plan for plan in plans if plan.value == form.offer.data)
    decision = preview_assignment(session(), org_id, chosen, business_now())
    token = decision.token if decision else ""
    if decision is not None and decision.kind == "planned" and form.text("shown") != token:
        form.shown.data = token
        return render_org_page(org_id, plan_form=form, assigning=describe_dates(decision, find_zone(org_id)))
    try:
        with transaction() as open_session:
            done = assign_plan_and_move_usage(
                open_session, org_id, chosen, actor=actor_for(org_id), now=business_now(), shown=token,
                requested=form.requested.data,
            )  # fmt: skip
            words = describe_assigned(done, chosen, find_zone(org_id))
    except DomainError as refused:
        if isinstance(refused, NotFound | Unavailable):
            raise
        form.offer.errors = [refused.detail]
        return render_org_page(org_id, plan_form=form, status=422)
    flash_message("success" if done.changed else "info", words)
    return redirect_to("admin.org", org_id=org_id)


@pages.post("/admin/orgs/<uuid:org_id>/plan/undo")
def undo_org_move(org_id: UUID) -> Response:
    """Take back what staff planned for the organisation, until it takes effect; it is told."""
    try:
        undone = undo_staff_move(org_id, actor=actor_for(org_id), now=business_now())
    except DomainError as trouble:
        flash_message("error", trouble.detail)
    else:
        words = "The move is undone. The organisation has been told." if undone else "No move is planned."
        flash_message("success" if undone else "info", words)
    return redirect_to("admin.org", org_id=org_id)


@pages.post("/admin/orgs/<uuid:org_id>/suspend")
def suspend_org(org_id: UUID) -> Response:
    """Refuse the organisation's API keys; its pages stay open, and nothing changes at Stripe."""
    return _decide(org_id, suspend, "The organisation is suspended. Its API keys are refused.")


@pages.post("/admin/orgs/<uuid:org_id>/resume")
def resume_org(org_id: UUID) -> Response:
    """Accept the organisation's API keys again."""
    return _decide(org_id, resume, "The organisation is active again.")


@pages.post("/admin/orgs/<uuid:org_id>/plan/end")
def end_plan(org_id: UUID) -> Response:
    """End the plan at Stripe with its paid period, so that nothing more is charged."""
    return _change_plan_end(
        org_id, cancel_at_period_end, "The plan ends with its paid period. No further fee is charged."
    )


@pages.post("/admin/orgs/<uuid:org_id>/plan/keep")
def keep_plan(org_id: UUID) -> Response:
    """Take a planned end of the plan back."""
    return _change_plan_end(org_id, undo_cancel, "The plan continues and is charged as before.")


@pages.post("/admin/orgs/<uuid:org_id>/subscriptions/<subscription_id>/end")
def end_subscription(org_id: UUID, subscription_id: str) -> Response:
    """End a second subscription at Stripe at once; the one that pays for the plan continues."""
    try:
        end_second_subscription(org_id, subscription_id, actor=actor_for(org_id), now=business_now())
    except DomainError as trouble:
        flash_message("error", trouble.detail)
    else:
        flash_message("success", "The second subscription has ended. Refund what it cost in Stripe's dashboard.")
    return redirect_to("admin.org", org_id=org_id)


def _change_plan_end(org_id: UUID, act: Callable[..., bool], words: str) -> Response:
    try:
        act(org_id, actor=actor_for(org_id), now=business_now())
    except DomainError as trouble:
        flash_message("error", trouble.detail)
    else:
        flash_message("success", words)
    return redirect_to("admin.org", org_id=org_id)


def _decide(org_id: UUID, act: Callable[..., bool], words: str) -> Response:
    form = ReasonForm()
    if not form.validate_on_submit():
        return render_org_page(org_id, reason_form=form, status=422)
    with transaction() as open_session:
        act(open_session, org_id, str(form.reason.data), actor=actor_for(org_id), now=wall_now())
    guards.clear_key_cache()
    flash_message("success", words)
    return redirect_to("admin.org", org_id=org_id)


def render_org_page(
    org_id: UUID,
    *,
    plan_form: PlanForm | None = None,
    reason_form: ReasonForm | None = None,
    override_form: OverrideForm | None = None,
    restriction_form: RestrictionForm | None = None,
    terms_form: TermsForm | None = None,
    assigning: str | None = None,
    status: int = 200,
) -> Response:
    """The page, with the form that was refused in place of an empty one. Raises `NotFound`."""
    rows = queries.list_org_rows_with_stripe(session(), org_id, limit=_PAYMENTS)
    if not rows:
        raise NotFound("There is no such organisation.")
    now = business_now()
    _prepare(org_id, now)
    usage, overrides = get_current_usage(session(), org_id, now), list_overrides(session(), org_id, now)
    ours = get_org_invoices(session(), rows[0], usage.currency, now)
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
        events=build_event_rows(list_latest_events(session(), org_id, _EVENTS)),
        entries=audit.list_entries(session(), org_id, limit=_ENTRIES),
        keep_changes=audit.keep_changes,
        describe_action=describe_action,
        people=_people(rows),
        payments=org_payments.parse_payments(rows[0].stripe),
        closes=_list_closes(org_id, usage.time_zone),
        ours=ours,
        terms_form=terms_form or TermsForm(data={"terms_days": ours.days} if ours else None),
        list_error=find_list_error,
        plan_form=plan_form
        or _plan_form(list_assignable_plans(queries.list_offers(session())), _current_option(rows[0], usage)),
        assigning=assigning,
        move=find_announced_move(session(), org_id) if rows[0].moves else None,
        reason_form=reason_form or ReasonForm(),
        overrides=describe_overrides(overrides, now),
        givers=queries.list_names(session(), [row.given_by for row in overrides if row.given_by]),
        lifted_until=find_lift_end(rows[0].limited_at, rows[0].restriction_lifted_until, now),
        restriction_form=restriction_form or RestrictionForm(),
        override_form=override_form or build_override_form(usage, queries.list_features(session())),
    )


def _prepare(org_id: UUID, now: datetime) -> None:
    prepare(
        session(), select_overrides(org_id, now), select_org_invoices(org_id, now), select_terms(org_id),
        audit.select_entries(org_id, _ENTRIES), select_closes(_shown_closes(org_id), _CLOSES), queries.FEATURES,
        queries.OFFERS,
    )  # fmt: skip


def _list_closes(org_id: UUID, zone: str) -> list[CloseRow]:
    return [build_close_row(row, zone) for row in list_closes(session(), _shown_closes(org_id), _CLOSES)]


def _shown_closes(org_id: UUID) -> CloseFilter:
    return CloseFilter(_EVER, org_id=org_id)


def find_zone(org_id: UUID) -> str:
    """The organisation's time zone, by which its days are named."""
    return accounts.get_org(session(), org_id).time_zone


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
