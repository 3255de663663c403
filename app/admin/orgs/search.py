"""How staff search, filter and sort organisations; page and API ask the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.kit.ids import parse_id
from app.subscriptions.states import LATE, TRIALING
from app.web.paging import encode_cursor, parse_text_id_cursor

OrgState = Literal["active", "suspended", "owing", "trial"]
OrgSort = Literal["newest", "oldest", "name", "name_back"]
STATES: tuple[OrgState, ...] = get_args(OrgState)
SORTS: tuple[OrgSort, ...] = get_args(OrgSort)

_STRIPE_ID = re.compile(r"(?:cus|sub|in)_[A-Za-z0-9]{8,}")
# A page of organisations, then the members of those on it. The conditions are those below.
_ORGS = """
SELECT page.*, people.members, people.owner
FROM (
    SELECT org.id, org.name, lower(org.name) AS sort_name, org.created_at, org.suspended_at,
           plan.name AS plan, plan.key AS plan_key, subscription.state
    FROM accounts_orgs org
    LEFT JOIN subscriptions_open subscription ON subscription.org_id = org.id
    LEFT JOIN catalog_versions pv ON pv.id = subscription.plan_version_id
    LEFT JOIN catalog_plans plan ON plan.id = pv.plan_id OR (pv.id IS NULL AND plan.is_default)
    WHERE org.deleted_at IS NULL {conditions}
    ORDER BY {order} LIMIT :limit
) page
LEFT JOIN LATERAL (
    SELECT count(*) AS members, min(u.email) FILTER (WHERE m.role = 'owner') AS owner
    FROM accounts_memberships m JOIN accounts_users u ON u.id = m.user_id WHERE m.org_id = page.id
) people ON true
ORDER BY {page_order}
"""
_BY_ID = "AND org.id = :id"
_BY_STRIPE_ID = "AND org.id IN (SELECT known.org_id FROM payments_stripe_ids known WHERE known.id = :stripe_id)"
_BY_WORDS = """AND (org.name ILIKE :pattern
    OR org.id IN (SELECT m.org_id FROM accounts_memberships m JOIN accounts_users u ON u.id = m.user_id
                  WHERE u.email LIKE lower(:pattern))
    OR org.id IN (SELECT copied.org_id FROM accounts_billing_emails copied WHERE copied.email ILIKE :pattern))"""
_IN_STATE = {
    "active": "AND org.suspended_at IS NULL",
    "suspended": "AND org.suspended_at IS NOT NULL",
    "owing": "AND subscription.state = ANY (:late)",
    "trial": "AND subscription.state = :trialing",
}
# The conditions that continue after a row, and the order: of the inner page, and of what is joined to it.
_ORDERS = {
    "newest": ("AND org.id < :after_id", "org.id DESC", "page.id DESC"),
    "oldest": ("AND org.id > :after_id", "org.id", "page.id"),
    "name": (
        "AND (lower(org.name), org.id) > (:after_name, :after_id)",
        "lower(org.name), org.id",
        "page.sort_name, page.id",
    ),
    "name_back": (
        "AND (lower(org.name), org.id) < (:after_name, :after_id)",
        "lower(org.name) DESC, org.id DESC",
        "page.sort_name DESC, page.id DESC",
    ),
}


@dataclass(frozen=True, slots=True)
class OrgSearch:
    """What is looked for: an id of ours or of Stripe's, or part of a name or address; None matches all.

    `plan` is a plan's key. Part of an id finds nothing.
    """

    words: str | None = None
    plan: str | None = None
    state: OrgState | None = None
    sort: OrgSort = "newest"


@dataclass(frozen=True, slots=True)
class OrgPage:
    """A page of organisations; `next` is the cursor of the following one."""

    rows: Sequence[Row[Any]]
    next: str | None


def find_orgs(session: Session, search: OrgSearch, *, limit: int, cursor: str | None = None) -> OrgPage:
    """A page of the organisations that match. Raises `InvalidRequest` if the cursor is not valid."""
    after_name, after_id = parse_text_id_cursor(cursor) or (None, None)
    continues, order, page_order = _ORDERS[search.sort]
    conditions = [_IN_STATE[search.state]] if search.state else []
    conditions += ["AND plan.key = :plan"] if search.plan else []
    conditions += [continues] if after_id else []
    matching, values = _match(search.words)
    statement = _ORGS.format(conditions=" ".join([*conditions, matching]), order=order, page_order=page_order)
    given: dict[str, Any] = {"plan": search.plan, "late": sorted(LATE), "trialing": TRIALING}
    given |= {"after_name": after_name, "after_id": after_id, "limit": limit + 1}
    rows = session.execute(text(statement), values | given).all()
    shown = rows[:limit]
    following = encode_cursor(shown[-1].sort_name, str(shown[-1].id)) if len(rows) > limit else None
    return OrgPage(shown, following)


def _match(words: str | None) -> tuple[str, dict[str, Any]]:
    """The condition that the words stand for, and its values."""
    if not words:
        return "", {}
    if org_id := parse_id(words):
        return _BY_ID, {"id": org_id}
    if _STRIPE_ID.fullmatch(words):
        return _BY_STRIPE_ID, {"stripe_id": words}
    return _BY_WORDS, {"pattern": f"%{_literal(words)}%"}


def _literal(search: str) -> str:
    """Escape the wildcards of ILIKE."""
    return search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
