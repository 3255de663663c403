"""The staff's calls about Stripe's events: list them, apply one again."""

from __future__ import annotations

import dataclasses
from typing import Any

from sqlalchemy import Row

from app.accounts.guards import caller
from app.admin.api import api
from app.admin.inbox_schemas import EVENTS, REPLAYED, InboxAnswer, InboxQuery, ReplayAnswer, StripeEventOut
from app.payments.webhooks import inbox_queries as inbox
from app.payments.webhooks.inbox import reopen
from app.payments.webhooks.inbox_queries import InboxFilter
from app.web.database import session, transaction
from app.web.paging import parse_time_cursor
from app.web.runtime import business_now

__all__ = ["api"]  # the factory takes the blueprint from here, where every call is on it


@api.operation(
    "GET", "/admin/inbox", query=InboxQuery, response=InboxAnswer, answer=EVENTS,
    summary="Stripe's events, the last received first",
    description="`type` is an event's type or its beginning (`invoice.`); `search` is the id of an event, of a"
    " customer or another object of Stripe's, or of an organisation. `counts` are of all events: those `applied` and"
    " `ignored` over the last 30 days, the others whenever they came.",
)  # fmt: skip
def list_inbox(query: InboxQuery) -> InboxAnswer:
    """Filtered and paged; without the events' bodies."""
    wanted = InboxFilter(query.state, query.type, query.search)
    rows = inbox.events(session(), wanted, parse_time_cursor(query.next), query.limit + 1)
    shown = rows[: query.limit]
    following = inbox.cursor_of(shown[-1]) if len(rows) > query.limit else None
    return InboxAnswer([_out(row) for row in shown], inbox.counts(session(), business_now()), following)


@api.operation(
    "POST", "/admin/inbox/<event_id>/replay", response=ReplayAnswer, answer=REPLAYED, errors=("conflict",),
    idempotent=False, summary="Apply an event again",
    description="Puts it in the queue again. What it is about is asked of Stripe anew, so a repeat does no harm.",
)  # fmt: skip
def replay_event(event_id: str) -> ReplayAnswer:
    """As the button of the staff's page does."""
    actor = dataclasses.replace(caller().actor, acting_for=inbox.event(session(), event_id).org_id)
    with transaction() as open_session:
        reopen(open_session, event_id, actor=actor, now=business_now())
    return ReplayAnswer(event_id, "received")


def _out(row: Row[Any]) -> StripeEventOut:
    return StripeEventOut(
        id=row.id,
        type=row.type,
        state=row.state,
        attempts=row.attempts,
        error=row.error,
        object_id=row.object_id,
        customer_id=row.customer_id,
        org_id=str(row.org_id) if row.org_id else None,
        source=row.source,
        livemode=row.livemode,
        api_version=row.api_version,
        created_at=row.created_at,
        received_at=row.received_at,
        settled_at=row.settled_at,
    )
