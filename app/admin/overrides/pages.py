"""Staff's acts on an organisation's page: give an override, take one back."""

from __future__ import annotations

from uuid import UUID

from flask import Response

from app.accounts import queries as accounts
from app.admin import queries
from app.admin.actors import actor_for
from app.admin.org_pages import pages, render_org_page
from app.admin.overrides.form import build_override_form
from app.kit.errors import InvalidRequest, NotFound
from app.statements.current_usage import get_current_usage
from app.statements.wording import format_day
from app.subscriptions.overrides.service import end_override, give_override
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to
from app.web.runtime import business_now

__all__ = ["pages"]  # `restrictions.pages` imports the blueprint from here, once these routes are registered


@pages.post("/admin/orgs/<uuid:org_id>/overrides")
def give_org_override(org_id: UUID) -> Response:
    """Agree another value than the plan's with the organisation."""
    zone, now = accounts.get_org(session(), org_id).time_zone, business_now()
    features = queries.list_features(session())
    form = build_override_form(get_current_usage(session(), org_id, now), features)
    given = form.read(zone, features) if form.validate_on_submit() else None
    if given is None:
        return render_org_page(org_id, override_form=form, status=422)
    try:
        with transaction() as open_session:
            starts_at = give_override(open_session, org_id, given, actor=actor_for(org_id), now=now).starts_at
    except InvalidRequest as refused:
        form.show(refused)
        return render_org_page(org_id, override_form=form, status=422)
    since = "now" if starts_at <= now else f"from {format_day(starts_at, zone)}, when the next usage period begins"
    flash_message("success", f"{form.name_what(given)} is agreed. It applies {since}.")
    return redirect_to("admin.org", org_id=org_id, _anchor="overrides")


@pages.post("/admin/orgs/<uuid:org_id>/overrides/<key>/end")
def end_org_override(org_id: UUID, key: str) -> Response:
    """Take an override back."""
    zone, now = accounts.get_org(session(), org_id).time_zone, business_now()
    try:
        with transaction() as open_session:
            ended = end_override(open_session, org_id, key, actor=actor_for(org_id), now=now)
    except (NotFound, InvalidRequest):
        flash_message("info", "This override has already ended.")
    else:
        later = ended.ends_at if ended.ends_at is not None and ended.ends_at > now else None
        when = f" It applies until {format_day(later, zone)}, the end of the usage period." if later else ""
        flash_message("success", f"The override was removed.{when}")
    return redirect_to("admin.org", org_id=org_id, _anchor="overrides")
