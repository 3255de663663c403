"""What an organisation is told of a move that staff planned: the version it moves to, from when, and what differs.

One computation for its pages and the mail. Reads only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.statements.comparison import CompareRow, describe_offer_price, list_changes
from app.statements.offers import Offer, list_agreed
from app.statements.wording import format_day
from app.subscriptions import queries as subscriptions
from app.subscriptions.changes.models import STAFF, PlannedChange
from app.subscriptions.changes.planned import find_planned
from app.subscriptions.models import Subscription


@dataclass(frozen=True, slots=True)
class AnnouncedMove:
    """A move to another version (or plan): price from `fee_at`, everything else from `usage_at`.

    `usage_done`: the new terms of usage hold already. `rows` have two cells each, before and after.
    """

    before: Offer
    after: Offer
    fee_at: datetime
    usage_at: datetime
    usage_done: bool
    rows: Sequence[CompareRow]
    zone: str

    @property
    def title(self) -> str:
        """From when the plan changes, and to what."""
        day = format_day(self.first_at, self.zone)
        name = f"version {self.after.number}" if self.same_plan else f"{self.after.name}, version {self.after.number}"
        todays = "today's version" if self.same_plan and self.after.today is None else name
        return f"From {day} your plan changes to {todays}"

    @property
    def lines(self) -> list[str]:
        """When which part of it changes."""
        fee, usage = (format_day(at, self.zone) for at in (self.fee_at, self.usage_at))
        version = f"{self.after.name}, version {self.after.number}"
        if self.usage_done:
            return [f"{version}: its limits and prices of usage apply since {usage}. Its fee is due from {fee}."]
        if fee == usage:
            return [f"{version}. Nothing changes until then."]
        parts = sorted([(self.usage_at, f"limits and prices of usage from {usage}"), (self.fee_at, f"fee from {fee}")])
        return [f"{version}: {parts[0][1]}, {parts[1][1]}. Nothing changes until then."]

    @property
    def same_plan(self) -> bool:
        """Whether it is another version of the same plan."""
        return self.before.key == self.after.key

    @property
    def first_at(self) -> datetime:
        """When the first part changes that has not."""
        return self.fee_at if self.usage_done else min(self.fee_at, self.usage_at)

    @property
    def headings(self) -> list[str]:
        """Of the two columns."""
        if self.same_plan:
            return [f"Version {self.before.number}", f"Version {self.after.number}"]
        return [self.before.name, self.after.name]


def find_announced_move(session: Session, org_id: UUID) -> AnnouncedMove | None:
    """Find the move of an organisation that staff planned and that has not taken effect altogether."""
    row = find_planned(session, org_id)
    if row is None or row.origin != STAFF:
        return None
    current = subscriptions.find_subscription(session, org_id)
    return describe_move(session, row, current) if current is not None else None


def describe_move(session: Session, row: PlannedChange, current: Subscription) -> AnnouncedMove:
    """Describe a move of the subscription that an organisation has."""
    left = _find_before(current, row)
    offers = {offer.version_id: offer for offer in list_agreed(session, left, [row.plan_version_id])}
    before, after = offers[left], offers[row.plan_version_id]
    prices = [describe_offer_price(offer, row.currency, row.interval) for offer in (before, after)]
    price = [CompareRow("Price", prices)] if prices[0] != prices[1] else []
    return AnnouncedMove(
        before=before,
        after=after,
        fee_at=row.effective_at,
        usage_at=row.usage_at or row.effective_at,
        usage_done=row.usage_applied_at is not None,
        rows=[*price, *list_changes([before, after], row.currency)],
        zone=accounts.get_org(session, row.org_id).time_zone,
    )


def _find_before(current: Subscription, row: PlannedChange) -> UUID:
    """The version that the organisation leaves: of its fee, or of usage where the fee has changed already."""
    left = (current.plan_version_id, current.terms_version_id)
    return next((each for each in left if each != row.plan_version_id), current.plan_version_id)
