"""Staff API for the Stripe inbox: list events, replay one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from app.admin.actors import actor_for
from app.admin.api import api
from app.admin.inbox.schemas import EVENTS, REPLAYED, InboxAnswer, InboxQuery, ReplayAnswer, StripeEventOut
from app.payments.webhooks import inbox_queries as inbox
from app.payments.webhooks.inbox import reopen
from app.payments.webhooks.inbox_queries import InboxFilter
from app.web.database import session, transaction
from app.web.paging import parse_time_cursor
from app.web.runtime import business_now

__all__ = ["api"]  # `overrides.api` imports the blueprint from here, so that these calls are registered before its own


@api.operation(
    "GET", "/admin/inbox", query=InboxQuery, response=InboxAnswer, answer=EVENTS,
    summary="Stripe events, latest first",
    description="`type` is an event type or its prefix (`invoice.`); `search` is the id of an event, a customer,"
    " another Stripe object, or an organisation. `counts` ignores the filters: `applied` and `ignored` events are"
    " counted over the last 30 days, the others without a time limit.",
)  # fmt: skip
def list_inbox(query: InboxQuery) -> InboxAnswer:
    """List events, filtered and paged, without their bodies."""
    filters = InboxFilter(query.state, query.type, query.search)
    rows = inbox.list_events(session(), filters, parse_time_cursor(query.next), query.limit + 1)
    shown = rows[: query.limit]
    following = inbox.build_cursor(shown[-1]) if len(rows) > query.limit else None
    return InboxAnswer([_out(row) for row in shown], inbox.count_events(session(), business_now()), following)


@api.operation(
    "POST", "/admin/inbox/<event_id>/replay", response=ReplayAnswer, answer=REPLAYED, errors=("conflict",),
    idempotent=False, summary="Replay an event",
    description="Queues the event again. Its object is retrieved from Stripe afresh, so a replay is safe to repeat.",
)  # fmt: skip
def replay_event(event_id: str) -> ReplayAnswer:
    """The same as the button on the staff page."""
    actor = actor_for(inbox.get_event(session(), event_id).org_id)
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
