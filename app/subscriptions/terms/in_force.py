"""Reads terms in force. Where they are unresolved, resolves them in memory: a read never writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.kit.periods import Period, month_of
from app.kit.postgres.arrays import encode_keys
from app.subscriptions import queries
from app.subscriptions.models import OrgTerm, TermsInForce
from app.subscriptions.overrides.active import find_active
from app.subscriptions.terms.facts import load_facts
from app.subscriptions.terms.resolver import MeterTerms
from app.subscriptions.terms.unmetered import Unmetered, parse_rows, resolve_unmetered

# Periods in which a meter in use has no valid terms.
_WITHOUT_TERMS = """
SELECT p.org_id, p.starts_at FROM usage_periods p
WHERE {those} AND NOT ARRAY(
    SELECT t.meter_id FROM terms_in_force t
    WHERE t.org_id = p.org_id AND t.period_start = p.starts_at AND (t.valid_until <= :now) IS NOT TRUE
) @> ARRAY(SELECT m.id FROM catalog_meters m WHERE m.archived_at IS NULL)
"""
# One that ends after :since, or limits that have run out.
_ANY = """
SELECT EXISTS ({periods})
  OR NOT EXISTS (SELECT FROM org_terms o WHERE o.org_id = :org)
  OR EXISTS (SELECT FROM org_terms o WHERE o.org_id = :org AND o.valid_until <= :now)
"""
_UNRESOLVED = text(_ANY.format(periods=_WITHOUT_TERMS.format(those="p.org_id = :org AND p.ends_at > :since")))
_UNRESOLVED_OF = text(
    _WITHOUT_TERMS.format(
        those="(p.org_id, p.starts_at) IN (SELECT * FROM unnest(CAST(:orgs AS uuid[]), CAST(:starts AS timestamptz[])))"
    )
)


@dataclass(frozen=True, slots=True)
class OrgTerms:
    """An org's terms at an instant: the plan version, the currency of usage, and the terms of every meter by id."""

    version_id: UUID
    currency: str
    meters: Mapping[int, MeterTerms]
    unmetered: Unmetered


def is_unresolved(session: Session, org_id: UUID, since: datetime, now: datetime) -> bool:
    """Whether terms of a period that ends after `since`, or the limits of now, have to be resolved first."""
    return bool(session.scalar(_UNRESOLVED, {"org": org_id, "since": since, "now": now}))


def list_unresolved(
    session: Session, keys: Sequence[tuple[UUID, datetime]], now: datetime
) -> list[tuple[UUID, datetime]]:
    """List those of some periods, each by org and start, in which the terms of a meter have to be resolved first."""
    rows = session.execute(_UNRESOLVED_OF, {**encode_keys(keys), "now": now})
    return [(row.org_id, row.starts_at) for row in rows]


def get_terms(session: Session, org_id: UUID, now: datetime) -> OrgTerms:
    """Get the terms at `now`: the stored ones, or those that the org will have once they are resolved.

    Raises `NotFound` (org), `Unavailable` (no catalogue).
    """
    period = queries.find_current_period(session, org_id, now)
    if period is None or period.currency is None:
        return preview_terms(session, org_id, now)
    rows = queries.list_terms(session, org_id, period.starts_at)
    others = list(session.scalars(select(OrgTerm).where(OrgTerm.org_id == org_id)))
    ends = [*(row.valid_until for row in rows), *(row.valid_until for row in others)]
    if not others or any(end is not None and end <= now for end in ends):
        return preview_terms(session, org_id, now)
    meters = {row.meter_id: _parse(row) for row in rows}
    return OrgTerms(period.plan_version_id, period.currency, meters, parse_rows(others))


def preview_terms(session: Session, org_id: UUID, now: datetime) -> OrgTerms:
    """Resolve the terms at `now` without storing them."""
    period = queries.find_current_period(session, org_id, now)
    version_id = queries.get_plan_in_force(session, org_id, now) if period is None else period.plan_version_id
    facts = load_facts(session, org_id, {version_id})
    span = month_of(now, facts.time_zone) if period is None else Period(period.starts_at, period.ends_at)
    resolved = facts.resolve(span, version_id, now)
    active = find_active(facts.overrides, span, facts.rules[version_id].plan_id, now)
    unmetered = resolve_unmetered(facts.rules[version_id], active, facts.restriction_in(span, now))
    return OrgTerms(version_id, resolved.currency, resolved.meters, unmetered)


def _parse(row: TermsInForce) -> MeterTerms:
    return MeterTerms(
        mentioned=row.mentioned,
        policy=row.policy,
        allowance=row.allowance,
        hard_limit=row.hard_limit,
        cap=row.cap,
        per_minute=row.per_minute,
        per_hour=row.per_hour,
        per_day=row.per_day,
        charge_id=row.charge_id,
        sources=row.sources,
    )
