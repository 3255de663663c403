"""Staff pages for the Stripe inbox: list events, show one, replay it."""

from __future__ import annotations

import json

from flask import Response, request, url_for

from app.accounts.reads import VIEWED, audit_read
from app.admin.actors import actor_for
from app.admin.inbox.words import describe_state, find_list_error
from app.admin.restrictions.pages import pages
from app.kit.errors import InvalidRequest
from app.payments.gateway import payments_on
from app.payments.webhooks import inbox_queries as inbox
from app.payments.webhooks.inbox import reopen
from app.payments.webhooks.inbox_queries import InboxFilter
from app.payments.webhooks.models import INBOX_STATES
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.paging import parse_time_cursor
from app.web.runtime import business_now

__all__ = ["pages"]  # the factory imports the blueprint from here, once all its routes are registered

_MANY = 50


@pages.get("/admin/inbox")
def inbox_events() -> Response:
    """Events by state, type and id, latest first, with counts by state."""
    filters = _parse_filters()
    try:
        before = parse_time_cursor(request.args.get("next") or None)
    except InvalidRequest:
        before = None
    rows = inbox.list_events(session(), filters, before, _MANY + 1)
    counts = inbox.count_events(session(), business_now())
    following = inbox.build_cursor(rows[_MANY - 1]) if len(rows) > _MANY else None
    return render(
        "admin/inbox.html",
        rows=rows[:_MANY],
        list_error=find_list_error,
        filters=filters,
        states=[(f"{state.capitalize()} {counts[state]:,}", _link(filters, state), filters.state == state)
                for state in INBOX_STATES],
        everything=_link(filters, None),
        empty=not any(counts.values()),
        payments_on=payments_on(),
        next_href=_link(filters, filters.state, following) if following else None,
        first_href=_link(filters, filters.state) if before else None,
    )  # fmt: skip


@pages.get("/admin/inbox/<event_id>")
def inbox_event(event_id: str) -> Response:
    """One event: its state and its body."""
    event = inbox.get_event(session(), event_id)
    body = json.dumps(event.body, indent=2, ensure_ascii=False, sort_keys=True)
    answer = render("admin/inbox_event.html", event=event, words=describe_state(event.state), body=body)
    if event.org_id is not None:
        audit_read(actor_for(event.org_id), VIEWED, event.org_id)
    return answer


@pages.post("/admin/inbox/<event_id>/replay")
def replay_event(event_id: str) -> Response:
    """Queue the event again. Its object is retrieved afresh from Stripe, so repeating this is safe."""
    actor = actor_for(inbox.get_event(session(), event_id).org_id)
    with transaction() as open_session:
        reopen(open_session, event_id, actor=actor, now=business_now())
    flash_message("success", "The event is queued again. Its new state will appear here shortly.")
    return redirect_to("admin.inbox_event", event_id=event_id)


def _parse_filters() -> InboxFilter:
    """Parse the query string; an unknown state is ignored."""
    state = request.args.get("state")
    given = {name: request.args.get(name, "").replace("\x00", "").strip()[:255] or None for name in ("type", "q")}
    return InboxFilter(state if state in INBOX_STATES else None, given["type"], given["q"])


def _link(filters: InboxFilter, state: str | None, cursor: str | None = None) -> str:
    return url_for("admin.inbox_events", state=state, type=filters.type, q=filters.search, next=cursor)
