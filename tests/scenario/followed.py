"""Below payments: what Stripe would say of a subscription, handed to `sync_from_stripe`, and what came of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import select, text

from app.kit.actor import SYSTEM
from app.kit.periods import Period, anchored
from app.subscriptions import periods
from app.subscriptions.models import UsagePeriod
from app.subscriptions.service import MONTHS
from app.subscriptions.sync_from_stripe import StripeFacts, sync_from_stripe

_ROWS = {
    "subscriptions": "plan_version_id, state, interval, currency, collection, anchor_at, started_at, ended_at,"
    " billing_starts_at, billing_ends_at, cancel_at, limited_at, restriction_lifted_until",
    "usage_periods": "starts_at, ends_at, previous_end, plan_version_id, time_zone",
    "terms_in_force": "period_start, meter_id, allowance, policy, hard_limit, cap, per_day, charge_id",
    "plans_in_force": "starts_at, plan_version_id",
}


def facts(version, anchor, at, *, interval="month", **changed):
    """What Stripe answers at `at` about a subscription that began at its anchor; `changed` are facts of their own."""
    billing = anchored(anchor, max(at, anchor), "UTC", MONTHS[interval])
    told = StripeFacts(
        ref="sub_1", state="active", plan_version_id=version, interval=interval, currency="USD", anchor_at=anchor,
        started_at=anchor, billing=billing, cancel_at=None, ended_at=None, ours=None,
    )  # fmt: skip
    return replace(told, **changed)


def over(version, anchor, ended, **changed):
    """What Stripe answers for ever after the end."""
    billing = anchored(anchor, ended - timedelta(microseconds=1), "UTC")
    return facts(version, anchor, ended, **{"state": "canceled", "billing": billing, "ended_at": ended} | changed)


class Follower:
    """Follows one subscription of Stripe's for an org, and keeps which row of ours it pays for, as payments does."""

    def __init__(self, session, org):
        self.session, self.org, self.ours = session, org, None

    def see(self, told, now):
        change = sync_from_stripe(self.session, self.org, replace(told, ours=self.ours), actor=SYSTEM, now=now)
        self.ours = change.subscription_id or self.ours
        return change

    def rows(self, now):
        """Everything that the org's subscription is made of, with periods open as far as `now` asks."""
        self.session.flush()
        periods.open_periods_ahead(self.session, self.org, now)
        self.session.flush()
        tiles(self.session, self.org)
        ask = "SELECT {} FROM {} WHERE org_id = :org ORDER BY 1, 2"
        return {
            table: self.session.execute(text(ask.format(columns, table)), {"org": self.org}).all()
            for table, columns in _ROWS.items()
        }

    def noted(self, kind=None):
        """The history as (kind, at), in order."""
        asked = text("SELECT kind, at FROM subscription_events WHERE org_id = :org ORDER BY at, noted_at, id")
        return [tuple(row) for row in self.session.execute(asked, {"org": self.org}) if kind in {None, row.kind}]


def span(start, days):
    """[start, start + days)."""
    return Period(start, start + timedelta(days=days))


def each_start(rows: list[tuple[datetime, datetime]], since: datetime) -> list[datetime]:
    """The starts of periods from `since` on."""
    return [start for start, _ in rows if start >= since]


def tiles(session, org):
    """The org's periods as pairs; fails unless each starts where the one before it ends, and says so."""
    rows = session.scalars(select(UsagePeriod).where(UsagePeriod.org_id == org).order_by(UsagePeriod.starts_at)).all()
    assert rows
    assert rows[0].previous_end is None
    for before, after in pairwise(rows):
        assert after.starts_at == after.previous_end == before.ends_at
    return [(row.starts_at, row.ends_at) for row in rows]
