"""Everything that happened to one organisation, in one list by time: each room says what it knows in its own view."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.web.paging import encode_cursor, parse_time_cursor

KINDS = {
    "plan": "Plan",
    "override": "Overrides",
    "period": "Periods",
    "invoice": "Invoices",
    "payment": "Payments",
    "stripe": "Stripe events",
    "mail": "Mail",
    "note": "Notes",
    "audit": "Audit log",
}
"""The kinds of entries, in the order in which they are offered as filters."""
_TOLD = {"override": ("override.given", "override.ended"), "note": ("note.written",)}
"""What the audit log says again of a kind: left out where that kind is shown."""
_VIEWS = (
    "subscriptions_timeline",
    "invoices_timeline",
    "payments_timeline",
    "mail_timeline",
    "accounts_timeline",
    "audit_timeline",
)

# Each room's newest entries below the cursor; of these the newest of all.
_ROOM = """
(SELECT at, kind, key, what, actor_id, facts FROM {view}
 WHERE org_id = :org_id AND kind = ANY (:kinds) AND at <= :until
   AND (CAST(:key AS text) IS NULL OR at < :until OR key COLLATE "C" < :key) AND what <> ALL (:told)
 ORDER BY at DESC, key COLLATE "C" DESC LIMIT :limit)
"""
_TIMELINE = text(f"""
SELECT found.*, coalesce(person.name, api_key.name) AS actor
FROM ({"UNION ALL".join(_ROOM.format(view=view) for view in _VIEWS)}) found
LEFT JOIN accounts_users person ON person.id = found.actor_id
LEFT JOIN accounts_api_keys api_key ON api_key.id = found.actor_id
ORDER BY found.at DESC, found.key COLLATE "C" DESC LIMIT :limit
""")  # noqa: S608  # nosec B608  # fixed words


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened, `at` by the business clock. `key` is unique; `facts` depend on `what`."""

    at: datetime
    kind: str
    key: str
    what: str
    actor_id: UUID | None
    facts: dict[str, Any]
    actor: str | None


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """A page of the timeline, newest first; `next` is the cursor of the following one."""

    entries: list[TimelineEntry]
    next: str | None


def read_timeline(
    session: Session, org_id: UUID, kinds: Collection[str], *, limit: int, cursor: str | None, now: datetime
) -> TimelinePage:
    """A page of an organisation's timeline up to `now`, in one statement; without `kinds`, of all.

    Raises `InvalidRequest` if the cursor is not valid.
    """
    until, key = parse_time_cursor(cursor) or (now, None)
    shown_kinds = list(kinds or KINDS)
    told = [action for kind in shown_kinds for action in _TOLD.get(kind, ())]
    asked = {
        "org_id": org_id, "kinds": shown_kinds, "told": told, "until": until, "key": key, "limit": limit + 1,
    }  # fmt: skip
    entries = [TimelineEntry(*row) for row in session.execute(_TIMELINE, asked)]
    shown = entries[:limit]
    following = encode_cursor(shown[-1].at.isoformat(), shown[-1].key) if len(entries) > limit else None
    return TimelinePage(shown, following)
