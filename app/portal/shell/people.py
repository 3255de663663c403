"""The organisation of the page, and the members who may change its plan."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.accounts.identity import Caller
from app.accounts.roles import PLAN_MANAGERS
from app.kit.errors import NotFound

_MOST = 5


@dataclass(frozen=True, slots=True)
class PlanManager:
    """A member who may change the plan."""

    name: str
    email: str


def list_plan_managers(session: Session, org_id: UUID) -> list[PlanManager]:
    """Up to five members who may change the plan, owners first; shown to members who may not."""
    people = accounts.list_active_members(session, org_id, PLAN_MANAGERS)[:_MOST]
    return [PlanManager(person.name, person.email) for person in people]


def get_org_id(who: Caller) -> UUID:
    """The caller's organisation. Raises `NotFound` for a user without one."""
    if who.org_id is None:
        raise NotFound("You are not a member of any organisation.")
    return who.org_id
