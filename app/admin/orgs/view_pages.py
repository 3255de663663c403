"""Staff open an organisation's own pages, read-only. The way back is `accounts.stop_viewing`, on each of them."""

from __future__ import annotations

from uuid import UUID

from flask import Response

from app.accounts.sign_in.login import signed_in_user
from app.accounts.sign_in.viewing import open_view
from app.admin.actors import actor_for
from app.admin.orgs.timeline_pages import pages
from app.web.database import transaction
from app.web.pages import redirect_to
from app.web.runtime import wall_now

__all__ = ["pages"]  # `find` imports the blueprint from here, once these routes are registered


@pages.post("/admin/orgs/<uuid:org_id>/view")
def view_org(org_id: UUID) -> Response:
    """Open the pages for half an hour. Audited."""
    user = signed_in_user()
    with transaction() as session:
        open_view(session, org_id, user.user_id, user.session_id, actor=actor_for(org_id), now=wall_now())
    return redirect_to("portal.dashboard")
