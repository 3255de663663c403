"""Whose page it is, and who of the org may change its plan."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.accounts.identity import Caller
from app.kit.errors import NotFound

MAY_CHANGE_PLAN = frozenset({"owner", "admin", "billing"})
_MOST = 5


@dataclass(frozen=True, slots=True)
class PlanManager:
    """Somebody of the own org who may change the plan."""

    name: str
    email: str


def list_plan_managers(session: Session, org_id: UUID) -> list[PlanManager]:
    """The members who may, owners first: what a viewer's page says whom to ask."""
    people = accounts.list_active_members(session, org_id, MAY_CHANGE_PLAN)[:_MOST]
    return [PlanManager(each.name, each.email) for each in people]


def org_of(who: Caller) -> UUID:
    """The org that a page is about; a person without any has none to show."""
    if who.org_id is None:
        raise NotFound("You are in no organisation.")
    return who.org_id
