"""The line "Overage before the change": what a change of plan must not take from what the period already owed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.invoices.models import BEFORE_CHANGE
from app.invoices.service import LineFacts
from app.kit.money import ZERO
from app.kit.periods import Period
from app.statements.before_change import get_owed_before
from app.statements.queries import PeriodRow


def find_before_change_line(
    session: Session, org_id: UUID, rows: Sequence[PeriodRow | Row[Any]], owed: int, billed: int = 0
) -> LineFacts | None:
    """The line of a period, or the difference to what was `billed` as one; None where there is nothing to add.

    `rows` are the period's, `owed` is what its usage comes to by the terms at its end.
    """
    if not rows or not rows[0].plan_changed:
        return None
    head = rows[0]
    before = get_owed_before(session, org_id, head.starts_at, head.ends_at).get(head.starts_at)
    amount = max(0, before.amount - owed) - billed if before else -billed
    if before is None or amount == 0:
        return None
    return LineFacts(
        meter_id=None,
        period=Period(head.starts_at, head.ends_at),
        plan_version_id=head.plan_version_id,
        quantity=ZERO,
        imported=ZERO,
        events=0,
        currency=head.currency,
        exact_amount=ZERO + amount,
        amount=amount,
        reason=None,
        terms={"changed_at": before.changed_at.isoformat()},
        breakdown={"owed_before": before.amount, "owed_by_the_period": owed, "billed_before": billed},
        kind=BEFORE_CHANGE,
    )
