"""Staff page that looks up an organisation's event and voids it."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.accounts import queries as accounts
from app.accounts.reads import VIEWED, audit_read
from app.admin.actors import actor_for
from app.admin.billing_runs.pages import pages
from app.admin.corrections.form import EventVoidForm
from app.admin.corrections.view import describe_voided, find_event_view
from app.catalog import queries as catalog
from app.kit.errors import Conflict, NotFound
from app.kit.fields import MOST_LABEL
from app.metering.corrections.void import void_event
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now

__all__ = ["pages"]  # `import_pages` imports the blueprint from here, once these routes are registered


@pages.get("/admin/orgs/<uuid:org_id>/corrections")
def org_corrections(org_id: UUID) -> Response:
    """An event by its id, and what its void would change. The look is audited."""
    answer = _render(org_id, request.args.get("event", "").strip()[:MOST_LABEL], EventVoidForm(formdata=None))
    audit_read(actor_for(org_id), VIEWED, org_id)
    return answer


@pages.post("/admin/orgs/<uuid:org_id>/corrections")
def void_org_event(org_id: UUID) -> Response:
    """Void an event, with a reason; audited."""
    form = EventVoidForm()
    event_id = form.text("event")
    if not form.validate_on_submit():
        return _render(org_id, event_id, form, status=422)
    try:
        with transaction() as open_session:
            voided = void_event(
                open_session, org_id, event_id, form.text("reason"), actor=actor_for(org_id), now=business_now()
            )
            meter = catalog.get_meters_by_id(open_session)[voided.meter_id]
    except (Conflict, NotFound) as refused:
        flash_message("error", refused.detail)
    else:
        words = (
            "The event was voided before. Nothing changed." if voided.again else describe_voided(voided.quantity, meter)
        )
        flash_message("info" if voided.again else "success", words)
    return redirect_to("admin.org_corrections", org_id=org_id, event=event_id)


def _render(org_id: UUID, event_id: str, form: EventVoidForm, status: int = 200) -> Response:
    org = accounts.get_org(session(), org_id)
    view = find_event_view(session(), org_id, event_id, org.time_zone, business_now()) if event_id else None
    if form.event.data is None:
        form.event.data = event_id
    return render("admin/corrections.html", status=status, org=org, asked=event_id, view=view, form=form)
