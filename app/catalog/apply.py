"""Writes what a catalogue file declares: meters, plans, and a new version for every plan whose terms changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.catalog.compare import CatalogDifference, CatalogPlanChange, MeterChange, compare
from app.catalog.definition import WINDOWS, PlanDef, PlanTerms, content_hash
from app.catalog.models import (
    Meter,
    Plan,
    PlanCharge,
    PlanFeature,
    PlanLimit,
    PlanMeter,
    PlanPrice,
    PlanVersion,
)
from app.catalog.schemas import Catalog
from app.kit.actor import Actor
from app.kit.db import Base
from app.kit.ids import new_id

# Two who apply at once would both make version n+1: the second waits, and then finds nothing to change.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(7205759404)")


def apply(
    session: Session, catalog: Catalog, *, archive_missing: bool = False, actor: Actor, now: datetime
) -> CatalogDifference:
    """Make the database say what the file says; returns what was changed, nothing when it said so already.

    A published version is never touched: changed terms become the plan's next version. Each change is audited.
    Raises `CatalogError` for what can never change. Repeating it is safe.
    """
    session.execute(_ONE_AT_A_TIME)
    difference = compare(session, catalog, archive_missing=archive_missing)
    for meter in difference.meters:
        _write_meter(session, meter, actor, now)
    _clear_default(session, difference)
    for plan in difference.archived:
        plan.archived_at = now
        audit(session, actor, "catalog.plan_archived", on=("plan", plan.id), before={"key": plan.key}, now=now)
    session.flush()
    ids = {meter.key: meter.id for meter in session.scalars(select(Meter))}
    for change in difference.plans:
        _write_plan(session, change, ids, actor, now)
    session.flush()
    return difference


def _clear_default(session: Session, difference: CatalogDifference) -> None:
    """Before another plan becomes the default: one at a time, the database says."""
    for change in difference.plans:
        if change.row and not change.wanted.default:
            change.row.is_default = False
    session.flush()


def _write_meter(session: Session, change: MeterChange, actor: Actor, now: datetime) -> None:
    wanted, row = change.wanted, change.row
    if row is None:
        row = Meter(key=wanted.key, aggregation=wanted.aggregation, dimension=wanted.dimension)
        session.add(row)
    row.name, row.unit, row.archived_at = wanted.name, wanted.unit, None
    session.flush()
    before, after = _sides(change.facts)
    after = after or {"key": wanted.key, "name": wanted.name, "aggregation": wanted.aggregation}
    audit(session, actor, "catalog.meter_written", on=("meter", row.id), before=before, after=after, now=now)


def _write_plan(
    session: Session, change: CatalogPlanChange, meters: dict[str, int], actor: Actor, now: datetime
) -> None:
    wanted = change.wanted
    row = change.row or Plan(id=new_id(), key=wanted.key)
    row.name, row.summary, row.public = wanted.name, wanted.summary, wanted.public
    row.is_default, row.position = wanted.default, wanted.position
    if wanted.default or "archived" in change.words:
        row.archived_at = None
    session.add(row)
    session.flush()
    if change.words or change.row is None:
        before, after = _sides(change.words)
        after = after or {"key": wanted.key, "name": wanted.name}
        audit(session, actor, "catalog.plan_written", on=("plan", row.id), before=before, after=after, now=now)
    if change.facts or change.version is None:
        version = publish(session, row, wanted, change.number, meters, now=now)
        before, after = _sides(change.facts)
        after = {"plan": row.key, "number": str(version.number), **(after or {})}
        audit(session, actor, "catalog.version_published", on=("plan_version", version.id), before=before,
              after=after, now=now)  # fmt: skip


def publish(
    session: Session, plan: Plan, wanted: PlanDef, number: int, meters: dict[str, int], *, now: datetime
) -> PlanVersion:
    """Write a version with all its parts, then mark it published: from there on the database refuses any change."""
    version = PlanVersion(id=new_id(), plan_id=plan.id, number=number, content_hash=content_hash(wanted.terms))
    session.add(version)
    session.flush()
    session.add_all(_rows(version, wanted.terms, meters))
    session.flush()
    version.published_at = now
    session.flush()
    return version


def _rows(version: PlanVersion, terms: PlanTerms, meters: dict[str, int]) -> list[Base]:
    own = {"plan_version_id": version.id}
    return [
        *(PlanPrice(**own, currency=c, interval=i, amount=amount) for (c, i), amount in terms.prices.items()),
        *(
            PlanMeter(**own, meter_id=meters[key], allowance=granted.allowance, policy=granted.policy,
                      hard_limit=granted.hard_limit, **{name: getattr(granted, name) for name in WINDOWS})
            for key, granted in terms.meters.items()
        ),
        *(
            PlanCharge(**own, id=new_id(), key=each.key, meter_id=meters[each.meter], currency=each.currency,
                       model=each.model, properties=dict(each.properties), collect=each.collect)
            for each in terms.charges
        ),
        *(PlanLimit(**own, key=key, value=value) for key, value in terms.limits.items()),
        *(
            PlanFeature(**own, key=key, label=feature.label, value=feature.value, position=position)
            for position, (key, feature) in enumerate(terms.features.items(), 1)
        ),
    ]  # fmt: skip


def _sides(facts: dict[str, tuple[str, str]]) -> tuple[dict[str, str] | None, dict[str, str] | None]:
    """The old and the new side of changed facts; None for a side that has none."""
    old = {path: before for path, (before, _) in facts.items() if before != "-"}
    new = {path: after for path, (_, after) in facts.items() if after != "-"}
    return old or None, new or None
