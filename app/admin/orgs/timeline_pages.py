"""Staff page: an organisation's timeline, the first page of a support case."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import Response, request, url_for

from app.accounts import queries as accounts
from app.accounts.reads import VIEWED, audit_read
from app.admin.actors import actor_for
from app.admin.orgs.note_pages import pages
from app.admin.orgs.timeline import KINDS, read_timeline
from app.admin.orgs.timeline_view import build_row
from app.kit.errors import InvalidRequest
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

__all__ = ["pages"]  # `view_pages` imports the blueprint from here, once this route is registered

_MANY = 50


@pages.get("/admin/orgs/<uuid:org_id>/timeline")
def org_timeline(org_id: UUID) -> Response:
    """What happened, newest first, of the kinds asked for. The look is audited."""
    org, now = accounts.get_org(session(), org_id), business_now()
    kinds, cursor = [kind for kind in KINDS if kind in request.args.getlist("kind")], request.args.get("next")
    try:
        page = read_timeline(session(), org_id, kinds, limit=_MANY, cursor=cursor, now=now)
    except InvalidRequest:
        page, cursor = read_timeline(session(), org_id, kinds, limit=_MANY, cursor=None, now=now), None
    here = url_for("admin.org_timeline", org_id=org_id, kind=kinds)
    following = url_for("admin.org_timeline", org_id=org_id, kind=kinds, next=page.next)
    answer = render(
        "admin/timeline.html",
        org=org,
        rows=[build_row(entry, org_id, org.time_zone) for entry in page.entries],
        choices=_list_choices(org_id, kinds),
        filtered=bool(kinds),
        next_href=following if page.next else None,
        first_href=here if cursor else None,
    )
    audit_read(actor_for(org_id), VIEWED, org_id)
    return answer


def _list_choices(org_id: UUID, chosen: Sequence[str]) -> list[tuple[str, str, bool]]:
    """A link for each kind, which adds it to those shown or takes it away; the first one shows all."""
    choices = [("All", url_for("admin.org_timeline", org_id=org_id), not chosen)]
    for kind, name in KINDS.items():
        others = [each for each in KINDS if (each in chosen) != (each == kind)]
        choices.append((name, url_for("admin.org_timeline", org_id=org_id, kind=others), kind in chosen))
    return choices
