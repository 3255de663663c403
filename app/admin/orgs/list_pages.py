"""Staff page: organisations by search, plan and state."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for

from app.admin.orgs.search import SORTS, STATES, OrgSearch, find_orgs
from app.admin.queries import list_offers
from app.admin.queue.pages import pages
from app.kit.errors import InvalidRequest
from app.web.database import session
from app.web.pages import render

__all__ = ["pages"]  # `note_pages` imports the blueprint from here, once this route is registered

_MANY = 25
_STATE_WORDS = {"active": "Active", "suspended": "Suspended", "owing": "Payment failed", "trial": "In a trial"}
_SORT_WORDS = {"newest": "Newest first", "oldest": "Oldest first", "name": "Name, A to Z", "name_back": "Name, Z to A"}


@pages.get("/admin/orgs")
def orgs() -> Response:
    """Organisations that match the search, a page at a time."""
    search, cursor = _parse_search(), request.args.get("next")
    try:
        page = find_orgs(session(), search, limit=_MANY, cursor=cursor)
    except InvalidRequest:
        page, cursor = find_orgs(session(), search, limit=_MANY), None
    return render(
        "admin/orgs.html",
        rows=page.rows,
        search=search,
        plans={row.key: row.name for row in list_offers(session())},
        states=_STATE_WORDS,
        sorts=_SORT_WORDS,
        filtered=bool(search.words or search.plan or search.state),
        next_href=url_for("admin.orgs", **_query(search), next=page.next) if page.next else None,
        first_href=url_for("admin.orgs", **_query(search)) if cursor else None,
    )


def _parse_search() -> OrgSearch:
    """Parse the query string; an unknown state or order is ignored."""
    words, plan = (request.args.get(name, "").replace("\x00", "").strip()[:200] or None for name in ("q", "plan"))
    state = next((each for each in STATES if each == request.args.get("state")), None)
    sort = next((each for each in SORTS if each == request.args.get("sort")), SORTS[0])
    return OrgSearch(words, plan, state, sort)


def _query(search: OrgSearch) -> dict[str, Any]:
    sort = search.sort if search.sort != SORTS[0] else None
    return {"q": search.words, "plan": search.plan, "state": search.state, "sort": sort}
