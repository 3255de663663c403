"""The plans staff can assign, and assigning one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.kit.actor import Actor
from app.metering.verification.move import move_usage
from app.statements.wording import format_amount
from app.subscriptions.service import assign_plan

_DEFAULT_CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class AssignablePlan:
    """A plan version at one of its prices."""

    version_id: UUID
    interval: str
    currency: str
    label: str

    @property
    def value(self) -> str:
        """The option's value in the form."""
        return f"{self.version_id}:{self.interval}:{self.currency}"


def list_assignable_plans(offers: Sequence[Row[Any]]) -> list[AssignablePlan]:
    """One option per price; a plan without prices has a custom one, with a monthly interval."""
    return [
        AssignablePlan(row.version_id, row.interval or "month", row.currency or _DEFAULT_CURRENCY, _label(row))
        for row in offers
    ]


def assign_plan_and_move_usage(
    session: Session, org_id: UUID, choice: AssignablePlan, *, actor: Actor, now: datetime
) -> bool:
    """Put the organisation on the plan; if its usage period moved, move usage in the same transaction.

    Returns False if it was already on the plan. Raises the errors of `assign_plan`.
    """
    change = assign_plan(session, org_id, choice.version_id, interval=choice.interval, currency=choice.currency,
                         actor=actor, now=now)  # fmt: skip
    if change.moved_from is not None:
        move_usage(session, org_id, change.moved_from, now)
    return change.changed


def _label(row: Row[Any]) -> str:
    private = "" if row.public else " (private)"
    if row.amount is None:
        return f"{row.name}{private}, custom price"
    return f"{row.name}{private}, {format_amount(row.amount, row.currency)} a {row.interval}, {row.currency}"
