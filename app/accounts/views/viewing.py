"""The way back for staff who view an organisation's pages."""

from __future__ import annotations

from flask import Response

from app.accounts.sign_in.login import signed_in_user
from app.accounts.sign_in.viewing import close_view
from app.accounts.views.blueprint import pages
from app.accounts.views.context import landing_page
from app.web.database import transaction
from app.web.pages import redirect_path, redirect_to
from app.web.runtime import wall_now


@pages.post("/viewing/stop")
def stop_viewing() -> Response:
    """Close the view and return to staff's page of the organisation; without one, go home."""
    caller = signed_in_user().caller
    if caller.viewing is None:
        return redirect_path(landing_page(caller, None))
    with transaction() as session:
        close_view(session, caller, "stopped", now=wall_now())
    return redirect_to("admin.org", org_id=caller.viewing.org_id)
