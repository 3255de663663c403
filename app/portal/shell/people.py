"""The organisation of the page, and the members who may change its plan."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.identity import Caller
from app.kit.errors import NotFound

_ASK = text("""
SELECT person.name, person.email FROM memberships member JOIN users person ON person.id = member.user_id
WHERE member.org_id = :org_id AND member.role IN ('owner', 'admin', 'billing')
  AND person.disabled_at IS NULL AND person.deleted_at IS NULL
ORDER BY member.role <> 'owner', lower(person.name) LIMIT 5
""")

MAY_CHANGE_PLAN = frozenset({"owner", "admin", "billing"})


@dataclass(frozen=True, slots=True)
class PlanManager:
    """A member who may change the plan."""

    name: str
    email: str


def list_plan_managers(session: Session, org_id: UUID) -> list[PlanManager]:
    """Up to five members who may change the plan, owners first; shown to members who may not."""
    return [PlanManager(row.name, row.email) for row in session.execute(_ASK, {"org_id": org_id})]


def get_org_id(who: Caller) -> UUID:
    """The caller's organisation. Raises `NotFound` for a user without one."""
    if who.org_id is None:
        raise NotFound("You are not a member of any organisation.")
    return who.org_id
