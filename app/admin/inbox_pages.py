"""Stripe's events for staff: which came, what became of each, and applying one again."""

from __future__ import annotations

import json

from flask import Response, request, url_for

from app.admin.org_pages import actor_for, pages
from app.kit.errors import InvalidRequest
from app.payments.gateway import payments_on
from app.payments.models import INBOX_STATES
from app.payments.webhooks import inbox_queries as inbox
from app.payments.webhooks.inbox import reopen
from app.payments.webhooks.inbox_queries import InboxFilter
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.paging import parse_time_cursor
from app.web.runtime import business_now

__all__ = ["pages"]  # the factory takes the blueprint from here, where every route is on it

_MANY = 50


@pages.get("/admin/inbox")
def inbox_events() -> Response:
    """The last received first, by state, type and id; with the number in each state."""
    wanted = _wanted()
    try:
        before = parse_time_cursor(request.args.get("next") or None)
    except InvalidRequest:
        before = None
    rows = inbox.events(session(), wanted, before, _MANY + 1)
    counts = inbox.counts(session(), business_now())
    following = inbox.cursor_of(rows[_MANY - 1]) if len(rows) > _MANY else None
    return render(
        "admin/inbox.html",
        rows=rows[:_MANY],
        wanted=wanted,
        states=[(f"{state.capitalize()} {counts[state]:,}", _link(wanted, state), wanted.state == state)
                for state in INBOX_STATES],
        everything=_link(wanted, None),
        empty=not any(counts.values()),
        payments_on=payments_on(),
        next_href=_link(wanted, wanted.state, following) if following else None,
        first_href=_link(wanted, wanted.state) if before else None,
    )  # fmt: skip


@pages.get("/admin/inbox/<event_id>")
def inbox_event(event_id: str) -> Response:
    """One event: what became of it, and its body."""
    found = inbox.event(session(), event_id)
    body = json.dumps(found.body, indent=2, ensure_ascii=False, sort_keys=True)
    return render("admin/inbox_event.html", event=found, body=body)


@pages.post("/admin/inbox/<event_id>/replay")
def replay_event(event_id: str) -> Response:
    """Put the event in the queue again; Stripe is asked anew, so that doing it twice does no harm."""
    actor = actor_for(inbox.event(session(), event_id).org_id)
    with transaction() as open_session:
        reopen(open_session, event_id, actor=actor, now=business_now())
    flash_message("success", "The event is in the queue again; its state shows here in a moment.")
    return redirect_to("admin.inbox_event", event_id=event_id)


def _wanted() -> InboxFilter:
    """Read the address; a state that is none filters nothing."""
    state = request.args.get("state")
    given = {name: request.args.get(name, "").replace("\x00", "").strip()[:255] or None for name in ("type", "q")}
    return InboxFilter(state if state in INBOX_STATES else None, given["type"], given["q"])


def _link(wanted: InboxFilter, state: str | None, cursor: str | None = None) -> str:
    return url_for("admin.inbox_events", state=state, type=wanted.type, q=wanted.search, next=cursor)
