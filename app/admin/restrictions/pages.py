"""Staff's act on an organisation's page: lift the restriction of one whose payment is overdue."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Response

from app.accounts import queries as accounts
from app.admin.actors import actor_for
from app.admin.days import end_of_day
from app.admin.org_pages import render_org_page
from app.admin.overrides.pages import pages
from app.admin.restrictions.form import RestrictionForm
from app.kit.errors import Conflict, InvalidRequest
from app.statements.wording import format_deadline
from app.subscriptions.payment_restriction import suspend_restriction
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to
from app.web.runtime import business_now

__all__ = ["pages"]  # `inbox.pages` imports the blueprint from here, once these routes are registered


@pages.post("/admin/orgs/<uuid:org_id>/restriction")
def lift_org_restriction(org_id: UUID) -> Response:
    """Lift the restriction until the end of a day; without a day it holds again at once."""
    zone, form = accounts.get_org(session(), org_id).time_zone, RestrictionForm()
    if not form.validate_on_submit():
        return render_org_page(org_id, restriction_form=form, status=422)
    until = None if form.lift_until.day is None else end_of_day(form.lift_until.day, zone)
    try:
        with transaction() as open_session:
            changed = suspend_restriction(
                open_session, org_id, until, form.text("lift_reason"), actor=actor_for(org_id), now=business_now()
            )
    except InvalidRequest as refused:
        form.lift_until.errors = [f"This {error.detail}." for error in refused.errors]
        return render_org_page(org_id, restriction_form=form, status=422)
    except Conflict as refused:
        flash_message("info", refused.detail)
    else:
        flash_message("success" if changed else "info", _describe(until, zone) if changed else "Nothing was changed.")
    return redirect_to("admin.org", org_id=org_id)


def _describe(until: datetime | None, zone: str) -> str:
    if until is None:
        return "The restriction applies again."
    return f"The plan's own limits apply until {format_deadline(until, zone)}."
