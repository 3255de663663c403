"""Cancelling, before it is done: what stays until when, what changes then, what would not fit. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.portal.billing_standing import Standing
from app.portal.offers import Offer
from app.portal.plan_choice import changes, unfit
from app.portal.usage_view import CurrentUsage
from app.portal.views_models import CompareRow, Person


@dataclass(frozen=True)
class CancelView:
    """What templates/portal/billing_cancel.html shows. `kind`: ask, or why not: role, off, cancelled, nothing."""

    kind: str
    zone: str
    plan_name: str
    next_plan: str
    until: datetime | None
    late: bool
    changes: Sequence[CompareRow]
    unfit: Sequence[str]
    people: Sequence[Person]
    trouble: str | None


def cancel_view(
    at: Standing,
    usage: CurrentUsage,
    offers: Sequence[Offer],
    *,
    may_change: bool,
    payments_on: bool,
    people: Sequence[Person] = (),
    trouble: str | None = None,
) -> CancelView:
    """Assemble the page: the present plan beside the one that every org falls back to."""
    held = next((each for each in offers if each.key == at.plan_key), None)
    after = next((each for each in offers if each.is_default), None)
    return CancelView(
        kind=_kind(at, may_change=may_change, payments_on=payments_on),
        zone=at.time_zone,
        plan_name=at.plan_name,
        next_plan=after.name if after else at.default_name,
        until=at.renews_at,
        late=at.late,
        changes=changes([held, after], usage.currency) if held and after else [],
        unfit=unfit(after, usage) if after else [],
        people=people,
        trouble=trouble,
    )


def _kind(at: Standing, *, may_change: bool, payments_on: bool) -> str:
    if not at.paid_by_stripe:
        return "nothing"
    if at.cancels:
        return "cancelled"
    if not payments_on:
        return "off"
    return "ask" if may_change else "role"
