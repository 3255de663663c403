"""Applies a catalogue file: writes its meters and plans, and a new version of every plan whose terms changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.catalog.compare import CatalogDifference, CatalogPlanChange, MeterChange, compare_catalog
from app.catalog.definition import WINDOWS, PlanDef, PlanTerms, hash_terms
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

# Two concurrent runs would both create version n+1: the second waits, then finds nothing to change.
_LOCK = text("SELECT pg_advisory_xact_lock(7205759404)")


def apply_catalog(
    session: Session, catalog: Catalog, *, archive_missing: bool = False, actor: Actor, now: datetime
) -> CatalogDifference:
    """Bring the database in line with the file, and return what changed. Idempotent.

    A published version is never modified: changed terms become the plan's next version. Every change is audited.
    Raises `CatalogError` if the file changes something that is fixed.
    """
    lock_catalog(session)
    difference = compare_catalog(session, catalog, archive_missing=archive_missing)
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


def lock_catalog(session: Session) -> None:
    """Lock the catalogue for the transaction, so that nobody else applies a file or publishes a draft meanwhile."""
    session.execute(_LOCK)


def _clear_default(session: Session, difference: CatalogDifference) -> None:
    """Unset the old default plan first: a unique index allows only one at a time."""
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
        version = publish_version(session, row, wanted, change.number, meters, now=now)
        before, after = _sides(change.facts)
        after = {"plan": row.key, "number": str(version.number), **(after or {})}
        audit(session, actor, "catalog.version_published", on=("plan_version", version.id), before=before,
              after=after, now=now)  # fmt: skip


def publish_version(
    session: Session, plan: Plan, wanted: PlanDef, number: int, meters: dict[str, int], *, now: datetime
) -> PlanVersion:
    """Insert a version with all its parts, then mark it published; from then on the database rejects any change."""
    terms = wanted.terms
    version = PlanVersion(
        id=new_id(), plan_id=plan.id, number=number, content_hash=hash_terms(terms),
        discount_usage=terms.discount_usage, tax_behavior=terms.tax_behavior, tax_code=terms.tax_code,
        trial_days=terms.trial_days, trial_overage=terms.trial_overage,
    )  # fmt: skip
    session.add(version)
    session.flush()
    session.add_all(_rows(version, terms, meters))
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
            PlanCharge(**own, id=new_id(), key=charge.key, meter_id=meters[charge.meter], currency=charge.currency,
                       model=charge.model, properties=dict(charge.properties), collect=charge.collect)
            for charge in terms.charges
        ),
        *(PlanLimit(**own, key=key, value=value) for key, value in terms.limits.items()),
        *(
            PlanFeature(**own, key=key, label=feature.label, value=feature.value, position=position)
            for position, (key, feature) in enumerate(terms.features.items(), 1)
        ),
    ]  # fmt: skip


def _sides(facts: dict[str, tuple[str, str]]) -> tuple[dict[str, str] | None, dict[str, str] | None]:
    """Split changed facts into old and new values; None for a side without any."""
    old = {path: before for path, (before, _) in facts.items() if before != "-"}
    new = {path: after for path, (_, after) in facts.items() if after != "-"}
    return old or None, new or None
