"""Staff page that proves the figures of an organisation's usage period."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.accounts import queries as accounts
from app.accounts.reads import VIEWED, audit_read
from app.admin.actors import actor_for
from app.admin.inbox.pages import pages
from app.kit.errors import Conflict
from app.portal.proof.prove import prove
from app.portal.proof.view import build_proof_view
from app.portal.proof.views import read_instant
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

__all__ = ["pages"]


@pages.get("/admin/orgs/<uuid:org_id>/verify")
def org_proof(org_id: UUID) -> Response:
    """The figures of the running period, or of the one that contains `at`. The look is audited."""
    org, now = accounts.get_org(session(), org_id), business_now()
    name, zone = org.name, org.time_zone
    try:
        view = build_proof_view(prove(org_id, read_instant(request.args.get("at")) or now, now), zone)
        reason = ""
    except Conflict as too_large:
        view, reason = None, too_large.detail
    audit_read(actor_for(org_id), VIEWED, org_id)
    return render("admin/proof.html", view=view, reason=reason, org_id=org_id, name=name)
