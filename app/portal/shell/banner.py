"""The line above every page of an org whose payment is late, whose limits fell, or whose plan ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.kit.errors import Unavailable
from app.kit.pool import HotPool
from app.portal.shell.people import MAY_CHANGE_PLAN
from app.statements.current_usage import LATE
from app.statements.wording import deadline
from app.web.filters import day

# For the hot pool: one row for an org with an open subscription, found by two keys.
_STANDS = """
SELECT ours.state, ours.limited_at IS NOT NULL, ours.cancel_at_period_end, ours.billing_ends_at,
       (SELECT grace_ends_at FROM payments_dunnings_running WHERE org_id = ours.org_id LIMIT 1),
       (SELECT pv.plan_name FROM catalog_versions pv WHERE pv.id = ours.plan_version_id)
FROM subscriptions_open ours WHERE ours.org_id = %s
"""
_ASK = "Ask an owner of your organisation to look at it."


@dataclass(frozen=True, slots=True)
class BannerFacts:
    """What the banner depends on."""

    state: str
    limited: bool
    cancels: bool
    renews_at: datetime
    grace_ends_at: datetime | None
    plan_name: str


@dataclass(frozen=True, slots=True)
class Banner:
    """`kind` is near, strong or full, as of a prompt."""

    kind: str
    title: str
    words: str
    action: str | None


def find_banner_facts(pool: HotPool, org_id: UUID) -> BannerFacts | None:
    """One row by keys; None for an org on the default plan, and while the database is away."""
    try:
        with pool.connection() as connection:
            row = connection.execute(_STANDS, (org_id,)).fetchone()
    except Unavailable:
        return None  # the page that says so has a layout too
    return None if row is None else BannerFacts(*row)


def banner(found: BannerFacts | None, role: str | None, zone: str) -> Banner | None:
    """What to say, the most pressing first; None when nothing is."""
    if found is None:
        return None
    acts = role in MAY_CHANGE_PLAN
    if found.limited:
        words = f"Until it is paid the free limits hold instead of those of {found.plan_name}. Nothing is deleted."
        return Banner("full", "A payment is overdue", _with(words, acts=acts), "Pay now" if acts else None)
    if found.state in LATE:
        return Banner("strong", "A payment failed", _with(_grace(found, zone), acts=acts), "Fix it" if acts else None)
    if found.cancels:
        until = day(found.renews_at, zone, plain=True)
        words = f"Then the free plan's limits hold. Until {until} everything stays as it is."
        return Banner("near", f"{found.plan_name} ends on {until}", words, "See or undo" if acts else None)
    return None


def _grace(found: BannerFacts, zone: str) -> str:
    if found.grace_ends_at is None:
        return f"The limits of {found.plan_name} still hold."
    return f"The limits of {found.plan_name} hold until {deadline(found.grace_ends_at, zone)}, then the free ones."


def _with(words: str, *, acts: bool) -> str:
    return words if acts else f"{words} {_ASK}"
