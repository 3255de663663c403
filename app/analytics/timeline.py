"""What one organisation was charged over time: its recurring revenue at instants, and how its trials ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.analytics.months import add_months, last_instant, month_at
from app.analytics.mrr import ChargeFacts, committed_at, is_counted, mrr_at
from app.subscriptions.recurring.facts import RecurringFee
from app.subscriptions.states import LATE, TRIALING


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is charged in [starts_at, ends_at), and the plan. `planned` are the fees of a change that is planned."""

    plan_key: str
    plan_name: str
    charge: ChargeFacts
    starts_at: datetime
    ends_at: datetime | None
    planned: tuple[RecurringFee, ...] | None = None

    def holds(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)

    @property
    def costs(self) -> bool:
        """Whether anything is charged for it."""
        return any(fee.amount for fee in self.charge.fees)

    @property
    def trial_end(self) -> datetime | None:
        """When a trial in it is over; None: there is none, or it goes on."""
        trial, end = self.charge.trial_ends_at, self.ends_at
        if self.charge.state == TRIALING:
            return end
        if trial is None or trial <= self.starts_at or (end is not None and end < trial):
            return None
        return trial


@dataclass(frozen=True, slots=True)
class Timeline:
    """An organisation's stretches, in order of time."""

    org_id: UUID
    name: str
    created_at: datetime
    stretches: tuple[Stretch, ...]

    def find(self, at: datetime) -> Stretch | None:
        """The stretch that holds at an instant."""
        return next((each for each in reversed(self.stretches) if each.holds(at)), None)

    def mrr(self, at: datetime, currency: str | None = None, plan: str | None = None) -> int:
        """Recurring revenue in a currency, on a plan if one is named. None: in whichever it pays."""
        stretch = self._select(at, currency, plan)
        return 0 if stretch is None else mrr_at(stretch.charge, at)

    def committed(self, at: datetime, currency: str, plan: str | None = None) -> int:
        """Committed recurring revenue; see `mrr.committed_at`."""
        stretch = self._select(at, currency, plan)
        return 0 if stretch is None else committed_at(stretch.charge, at, stretch.planned)

    def _select(self, at: datetime, currency: str | None, plan: str | None) -> Stretch | None:
        stretch = self.find(at)
        if stretch is None or currency not in {None, stretch.charge.currency} or plan not in {None, stretch.plan_key}:
            return None
        return stretch

    def is_tried(self, at: datetime) -> bool:
        """Whether a plan is on trial at an instant."""
        stretch = self.find(at)
        if stretch is None:
            return False
        trial = stretch.charge.trial_ends_at
        return stretch.charge.state == TRIALING or (trial is not None and at < trial)

    def is_past_due(self, at: datetime) -> bool:
        """Whether a payment to Stripe was owed at an instant."""
        stretch = self.find(at)
        return stretch is not None and stretch.charge.state in LATE

    def list_month_ends(self, until: date, now: datetime) -> Iterator[tuple[date, datetime]]:
        """The months from the first stretch up to `until`, each with its last instant."""
        month = month_at(self.stretches[0].starts_at)
        while month <= until:
            yield month, last_instant(month, now)
            month = add_months(month, 1)

    def list_trial_ends(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, Stretch, bool]]:
        """When trials were over in [start, end), what was tried, and whether what followed is paid for."""
        for stretch in self.stretches:
            at = stretch.trial_end
            if at is not None and start <= at < end and not self.is_tried(at):
                after = self.find(at)
                paid = after is not None and is_counted(after.charge, at) and mrr_at(after.charge, at) > 0
                yield at, stretch, paid


def list_currencies(timelines: Sequence[Timeline], more: Iterable[str] = ()) -> list[str]:
    """The currencies in which anything was ever charged, and `more`; USD first."""
    charged = {each.charge.currency for timeline in timelines for each in timeline.stretches if each.costs}
    return sorted(charged | set(more), key=lambda code: (code != "USD", code))
