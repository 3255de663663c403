"""Writes terms in force. The only writer; the caller holds the org's usage lock (`usage_lock.sql`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import SYSTEM
from app.kit.periods import Period
from app.subscriptions import queries
from app.subscriptions.models import OrgTerm, PlanInForce, TermsInForce
from app.subscriptions.overrides.active import describe, find_active
from app.subscriptions.terms.facts import PeriodTerms, TermsFacts, first, load_facts
from app.subscriptions.terms.resolver import MeterTerms
from app.subscriptions.terms.unmetered import build_rows, resolve_unmetered

EVER = datetime(9999, 1, 1, tzinfo=UTC)
_KEY = ("org_id", "meter_id", "period_start")
_COLUMNS = ("mentioned", "policy", "allowance", "hard_limit", "cap", "per_minute", "per_hour", "per_day", "charge_id")


def write_terms(session: Session, org_id: UUID, since: datetime, now: datetime) -> None:
    """Resolve anew the terms of every usage period that ends after `since`, and the limits and features of now.

    Terms of a closed period never change: it gets rows of new meters only. Idempotent: the rows follow from the org's
    plan, subscriptions and restriction alone. Raises `NotFound` (org), `Unavailable` (no catalogue).
    """
    session.flush()
    periods = queries.list_periods(session, org_id, since, EVER)
    in_force = queries.get_plan_in_force(session, org_id, now)
    facts = load_facts(session, org_id, {in_force, *(period.plan_version_id for period in periods)})
    _end_lost_overrides(session, facts, in_force, now)
    rows: list[dict[str, Any]] = []
    closed: list[dict[str, Any]] = []
    for period in periods:
        resolved = facts.resolve(Period(period.starts_at, period.ends_at), period.plan_version_id, now)
        if period.closed_at is None:
            period.currency = resolved.currency
            rows += _build_rows(org_id, period.starts_at, resolved)
        else:
            closed += [row | {"valid_until": None} for row in _build_rows(org_id, period.starts_at, resolved)]
    session.flush()
    if rows:
        written = insert(TermsInForce)
        replaced = {column.name: column for column in written.excluded if column.name not in _KEY}
        session.execute(written.on_conflict_do_update(index_elements=_KEY, set_=replaced), rows)
    if closed:
        session.execute(insert(TermsInForce).on_conflict_do_nothing(), closed)
    _write_unmetered(session, org_id, facts, in_force, now)


def _end_lost_overrides(session: Session, facts: TermsFacts, in_force: UUID, now: datetime) -> None:
    """Overrides end with the plan that they were given on, unless they stay. Audited."""
    for override in facts.overrides:
        if override.ended_at is None and override.plan_id not in {None, facts.rules[in_force].plan_id}:
            override.ended_at = now
            audit(session, SYSTEM, "override.ended", on=("override", override.id), org_id=override.org_id,
                  before=describe(override), after=None, now=now)  # fmt: skip


def _build_rows(org_id: UUID, start: datetime, resolved: PeriodTerms) -> Iterator[dict[str, Any]]:
    for meter_id, terms in resolved.meters.items():
        at = {"org_id": org_id, "period_start": start, "meter_id": meter_id}
        yield at | {"valid_until": resolved.valid_until.get(meter_id)} | _columns(terms)


def _columns(terms: MeterTerms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in _COLUMNS} | {"sources": dict(terms.sources)}


def _write_unmetered(session: Session, org_id: UUID, facts: TermsFacts, in_force: UUID, now: datetime) -> None:
    """Replace the org's limits and features; they hold until plan or overrides change, or the restriction returns."""
    next_plan = select(func.min(PlanInForce.starts_at)).where(
        PlanInForce.org_id == org_id, PlanInForce.starts_at > now, PlanInForce.plan_version_id != in_force
    )
    until = session.scalar(next_plan)
    span = Period(now, until or EVER)
    active = find_active(facts.overrides, span, facts.rules[in_force].plan_id, now)
    unmetered = resolve_unmetered(facts.rules[in_force], active, facts.restriction_in(span, now))
    until = first(active.valid_until(None), facts.restriction_returns_in(span, now), until)
    session.execute(delete(OrgTerm).where(OrgTerm.org_id == org_id))
    rows = [{"org_id": org_id, "valid_until": until, **columns} for columns in build_rows(unmetered)]
    if rows:
        session.execute(insert(OrgTerm), rows)
