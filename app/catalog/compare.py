"""Works out what applying a file would change, in readable form. Read-only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalog import queries
from app.catalog.definition import MeterDef, PlanDef, PlanTerms, flatten_terms
from app.catalog.errors import CatalogError, CatalogMistake
from app.catalog.from_db import build_plan_def, build_terms
from app.catalog.models import Meter, Plan, PlanVersion
from app.catalog.schemas import Catalog

_WORDS = ("name", "summary", "public", "default", "position")
_YES = {True: "yes", False: "no"}


@dataclass(frozen=True)
class MeterChange:
    """A meter to create (`row` is None) or to rename."""

    wanted: MeterDef
    row: Meter | None
    facts: dict[str, tuple[str, str]]


@dataclass(frozen=True)
class CatalogPlanChange:
    """A plan to create, to describe differently (`words`), or to give a new version (`facts`: path -> old, new)."""

    wanted: PlanDef
    row: Plan | None
    version: PlanVersion | None
    words: dict[str, tuple[str, str]]
    facts: dict[str, tuple[str, str]]

    @property
    def number(self) -> int:
        """The number of the plan's next version."""
        return self.version.number + 1 if self.version else 1


@dataclass(frozen=True)
class CatalogDifference:
    """Everything a file would change. `missing`: live plans absent from the file; `archived`: plans to be archived."""

    meters: list[MeterChange] = field(default_factory=list)
    plans: list[CatalogPlanChange] = field(default_factory=list)
    archived: list[Plan] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.meters or self.plans or self.archived)


def compare_catalog(session: Session, catalog: Catalog, *, archive_missing: bool = False) -> CatalogDifference:
    """Compare a file with the database. Raises `CatalogError` if the file changes something that is fixed."""
    rows = {meter.key: meter for meter in session.scalars(select(Meter))}
    plans = {plan.key: plan for plan in session.scalars(select(Plan))}
    versions = {version.plan.key: version for version in queries.list_newest_versions(session, catalog.plans)}
    problems = [*_meanings(catalog, rows), *_default(catalog, plans)]
    if problems:
        raise CatalogError(problems)
    missing = sorted((plan for key, plan in plans.items() if key not in catalog.plans and not plan.archived_at),
                     key=lambda plan: plan.position)  # fmt: skip
    return CatalogDifference(
        meters=list(_meter_changes(catalog, rows)),
        plans=list(_plan_changes(catalog, plans, versions)),
        archived=missing if archive_missing else [],
        missing=[] if archive_missing else [plan.key for plan in missing],
    )


def _meanings(catalog: Catalog, rows: dict[str, Meter]) -> Iterator[CatalogMistake]:
    """A meter's aggregation and dimension are fixed, since events have been counted by them."""
    for key, wanted in catalog.meters.items():
        for name in ("aggregation", "dimension") if key in rows else ():
            old, new = getattr(rows[key], name), getattr(wanted, name)
            if old != new:
                detail = f"is {old} and cannot change, since events were counted that way; declare a new meter"
                yield catalog.build_mistake(("meters", key, name), detail)


def _default(catalog: Catalog, plans: dict[str, Plan]) -> Iterator[CatalogMistake]:
    """Orgs without a subscription need a default plan."""
    if any(plan.default for plan in catalog.plans.values()):
        return
    if not any(plan.is_default and plan.key not in catalog.plans for plan in plans.values()):
        detail = "one plan must say default = true; orgs without a subscription are on it"
        yield catalog.build_mistake(("plans",), detail)


def _meter_changes(catalog: Catalog, rows: dict[str, Meter]) -> Iterator[MeterChange]:
    for key, wanted in catalog.meters.items():
        row = rows.get(key)
        if row is None:
            yield MeterChange(wanted, None, {})
            continue
        facts = _changed({"name": row.name, "unit": row.unit}, {"name": wanted.name, "unit": wanted.unit})
        if row.archived_at:
            facts["archived"] = ("yes", "no")
        if facts:
            yield MeterChange(wanted, row, facts)


def _plan_changes(
    catalog: Catalog, plans: dict[str, Plan], versions: dict[str, PlanVersion]
) -> Iterator[CatalogPlanChange]:
    for key, wanted in catalog.plans.items():
        row, version = plans.get(key), versions.get(key)
        words = _changed(_described(row), _described(wanted)) if row else {}
        if row and row.archived_at:
            words["archived"] = ("yes", "no")
        facts = compare_terms(build_terms(version) if version else PlanTerms(), wanted.terms)
        if row is None or version is None or words or facts:
            yield CatalogPlanChange(wanted, row, version, words, facts)
    yield from _demoted(catalog, plans, versions)


def _demoted(catalog: Catalog, plans: dict[str, Plan], versions: dict[str, PlanVersion]) -> Iterator[CatalogPlanChange]:
    """The previous default plan, when it is absent from the file and another plan becomes the default."""
    taken = any(plan.default for plan in catalog.plans.values())
    for key, row in plans.items():
        if taken and row.is_default and key not in catalog.plans:
            wanted = replace(build_plan_def(versions[key]), default=False)  # a default plan always has a version
            yield CatalogPlanChange(wanted, row, versions[key], {"default": ("yes", "no")}, {})


def compare_terms(old: PlanTerms, new: PlanTerms) -> dict[str, tuple[str, str]]:
    """The terms that differ, by path as a catalogue file has it: old and new value; a dash where there is none."""
    return _changed(flatten_terms(old), flatten_terms(new))


def _described(plan: Plan | PlanDef) -> dict[str, str]:
    """A plan's description as text, by field."""
    default = plan.is_default if isinstance(plan, Plan) else plan.default
    values = (plan.name, plan.summary, plan.public, default, plan.position)
    return {name: _YES[value] if isinstance(value, bool) else str(value)
            for name, value in zip(_WORDS, values, strict=True)}  # fmt: skip


def _changed(old: dict[str, str], new: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Facts that differ, by path; a dash means absent."""
    paths = sorted(old.keys() | new.keys())
    return {path: (old.get(path, "-"), new.get(path, "-")) for path in paths if old.get(path) != new.get(path)}
