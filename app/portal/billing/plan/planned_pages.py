"""Planning a change for the end of the paid period, and undoing it."""

from __future__ import annotations

from functools import partial

from flask import Response, request

from app.accounts import guards
from app.kit.errors import DomainError
from app.kit.ids import parse_id
from app.payments.plan_changes.plan_ahead import plan_ahead, undo_planned
from app.portal.billing.blueprint import billing, render_failure
from app.portal.billing.overview_pages import render_page
from app.portal.billing.plan.plan_pages import upgrade_page
from app.portal.shell.people import get_org_id
from app.statements.wording import format_day
from app.web.pages import flash_message, redirect_to
from app.web.runtime import business_now


@billing.post("/upgrade/<key>/plan")
def plan_change(key: str) -> Response:
    """Plan the change of the page, in the version that it showed. Doing it twice changes nothing."""
    who, shown = guards.caller(), request.args
    try:
        at = plan_ahead(
            get_org_id(who),
            key,
            shown.get("interval", ""),
            version_id=parse_id(shown.get("version", "")),
            actor=who.actor,
            now=business_now(),
        )
    except DomainError as trouble:
        return render_failure(trouble, partial(upgrade_page, key))
    flash_message("success", f"Your change is planned for {format_day(at, who.time_zone)}. You can undo it until then.")
    return redirect_to("billing.index")


@billing.post("/change/undo")
def undo_change() -> Response:
    """Take the planned change back."""
    who = guards.caller()
    try:
        undone = undo_planned(get_org_id(who), actor=who.actor, now=business_now())
    except DomainError as trouble:
        return render_failure(trouble, render_page)
    said = "The change is undone. Your plan continues as before." if undone else "No change is planned."
    flash_message("success" if undone else "info", said)
    return redirect_to("billing.index")
