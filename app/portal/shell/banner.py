"""The banner above every page: a payment is late, limits are reduced, a change is unpaid, or the plan is ending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.accounts.roles import PLAN_MANAGERS
from app.kit.errors import Unavailable
from app.kit.postgres.pool import HotPool
from app.payments.resume import PAUSED
from app.statements.wording import format_deadline, name_unpaid_change
from app.subscriptions.states import LATE
from app.subscriptions.terms.restriction import find_lift_end, is_restricted
from app.web.filters import day

# For the hot pool: one row for an organisation with an open subscription, found by index.
_FACTS = """
SELECT ours.state, ours.limited_at, ours.restriction_lifted_until, ours.cancel_at,
       (SELECT grace_ends_at FROM payments_dunnings_running WHERE org_id = ours.org_id LIMIT 1),
       (SELECT pv.plan_name FROM catalog_versions pv WHERE pv.id = ours.plan_version_id),
       ours.state = ANY(%s)
         AND EXISTS (SELECT FROM payments_owed(ours.org_id) owed WHERE owed.confirm_url IS NOT NULL),
       ours.cancel_at IS NOT NULL
         AND EXISTS (SELECT FROM payments_second_subscriptions other WHERE other.org_id = ours.org_id),
       pending.expires_at, pending.confirm, pending.url, pending.interval,
       (SELECT pv.plan_name FROM catalog_versions pv WHERE pv.id = pending.plan_version_id)
FROM subscriptions_open ours
LEFT JOIN LATERAL (SELECT * FROM payments_pending_changes change
                   WHERE change.org_id = ours.org_id AND change.failure IS NOT NULL LIMIT 1) pending ON true
WHERE ours.org_id = %s
"""
_STYLES = {"near": "is-info", "strong": "is-warning", "full": "is-error"}
_FAILED = "A payment failed", "Go to billing"
_CONFIRM = "Confirm it"
_ASK = "Ask an owner of your organisation to take care of it."


@dataclass(frozen=True, slots=True)
class UnpaidChange:
    """A change of plan whose payment failed, or has to be confirmed (`confirms`); dropped if unpaid at `until`."""

    until: datetime
    confirms: bool
    url: str | None
    interval: str | None
    plan_name: str | None


@dataclass(frozen=True, slots=True)
class BannerFacts:
    """The facts behind the banner. `confirms`: the bank asks the cardholder to confirm the payment.

    `grace_ends_at`: when limits fall if nothing is paid. `goes_on`: a second subscription runs on after the plan has
    ended.
    """

    state: str
    limited: bool
    ends_at: datetime | None
    grace_ends_at: datetime | None
    plan_name: str
    confirms: bool = False
    goes_on: bool = False
    unpaid: UnpaidChange | None = None


@dataclass(frozen=True, slots=True)
class Banner:
    """A banner; `kind` is near, strong or full, as for prompts. Its action leads to `url`, else to the billing page."""

    kind: str
    title: str
    words: str
    action: str | None
    url: str | None = None

    @property
    def style(self) -> str:
        """The class of the flash message it is drawn as."""
        return _STYLES[self.kind]

    @property
    def icon(self) -> str:
        """The name of its icon."""
        return "info" if self.kind == "near" else "alert"


def find_banner_facts(pool: HotPool, org_id: UUID, now: datetime) -> BannerFacts | None:
    """Read the facts as of now; None for an organisation on the default plan, or while the database is unavailable."""
    try:
        with pool.connection() as connection:
            row = connection.execute(_FACTS, (list(LATE), org_id)).fetchone()
    except Unavailable:
        return None  # the error page has a layout too
    return None if row is None else _build_facts(row, now)


def _build_facts(row: Sequence[Any], now: datetime) -> BannerFacts:
    state, limited_at, lifted_until, ends_at, grace_ends_at, name, confirms, goes_on, *pending = row
    limited = is_restricted(limited_at, lifted_until, now)
    grace_ends_at = find_lift_end(limited_at, lifted_until, now) or grace_ends_at
    unpaid = UnpaidChange(*pending) if pending[0] is not None else None
    return BannerFacts(state, limited, ends_at, grace_ends_at, name, confirms, goes_on, unpaid)


def build_banner(facts: BannerFacts | None, role: str | None, zone: str) -> Banner | None:
    """The most urgent banner, or None."""
    if facts is None:
        return None
    may_act = role in PLAN_MANAGERS
    if facts.state == PAUSED:
        words = "The free plan's limits apply until it is resumed. Nothing is owed and nothing is deleted."
        title, action = f"{facts.plan_name} is paused", "Resume it" if may_act else None
        return Banner("strong", title, _with(words, may_act=may_act), action)
    if facts.limited:
        words = "Your limits are reduced to the free plan's until it is paid. Nothing is deleted."
        action = _CONFIRM if facts.confirms else "Pay now"
        return Banner("full", "A payment is overdue", _with(words, may_act=may_act), action if may_act else None)
    if facts.state in LATE:
        title, action = ("A payment needs your confirmation", _CONFIRM) if facts.confirms else _FAILED
        return Banner("strong", title, _with(_grace(facts, zone), may_act=may_act), action if may_act else None)
    if facts.unpaid is not None:
        return _unpaid(facts, facts.unpaid, zone, may_act=may_act)
    return _ending(facts, zone, may_act=may_act)


def _ending(facts: BannerFacts, zone: str, *, may_act: bool) -> Banner | None:
    if facts.ends_at is not None:
        until = day(facts.ends_at, zone, plain=True)
        then = "the second subscription continues" if facts.goes_on else "the free plan's limits apply"
        words = f"Nothing changes until then. After that, {then}."
        return Banner("near", f"{facts.plan_name} ends on {until}", words, "View or undo" if may_act else None)
    return None


def _unpaid(facts: BannerFacts, change: UnpaidChange, zone: str, *, may_act: bool) -> Banner:
    name = name_unpaid_change(facts.plan_name, change.plan_name, change.interval)
    act = _CONFIRM if change.confirms else "Pay it"
    title = f"The payment for {name} {'needs your confirmation' if change.confirms else 'was declined'}"
    until = format_deadline(change.until, zone)
    words = f"You are still on {facts.plan_name}. Unpaid on {until}, the change is dropped."
    return Banner("strong", title, _with(words, may_act=may_act), act if may_act else None, change.url)


def _grace(facts: BannerFacts, zone: str) -> str:
    if facts.grace_ends_at is None:
        return f"Your {facts.plan_name} limits still apply."
    until = format_deadline(facts.grace_ends_at, zone)
    return f"Your {facts.plan_name} limits apply until {until}, then the free plan's limits apply."


def _with(words: str, *, may_act: bool) -> str:
    return words if may_act else f"{words} {_ASK}"
