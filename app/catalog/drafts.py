"""A draft of one plan: read from TOML, compared with what is published, and published. The rest stays as it is.

A draft changes no meters and does not move the default: those concern other plans too, and go through a whole file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.catalog import queries
from app.catalog.apply import apply_catalog, lock_catalog
from app.catalog.compare import CatalogDifference, CatalogPlanChange, compare_catalog
from app.catalog.definition import hash_terms
from app.catalog.errors import CatalogError, CatalogMistake
from app.catalog.models import Plan, PlanVersion
from app.catalog.schemas import Catalog, read_catalog
from app.kit.actor import Actor
from app.kit.errors import Conflict

FILE = "draft"
_STALE = "Version {newest} of this plan was published since the draft was checked. Check it again."
_WHOLE_FILE = "cannot change with one plan; apply a whole catalogue file with flask catalog apply"


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """A draft that can be published. `after` is the plan's newest version, 0 for a new plan.

    `change` None: it says what is published already.
    """

    key: str
    catalog: Catalog
    change: CatalogPlanChange | None
    after: int

    @property
    def number(self) -> int | None:
        """The number of the version that it would become; None: its terms are those of the newest version."""
        if self.change is None or (self.change.version is not None and not self.change.facts):
            return None
        return self.change.number


def read_draft(session: Session, text: str) -> PlanDraft:
    """Read a draft and compare it. Raises `CatalogError` with the line and key of every mistake."""
    catalog = _take_place(session, _ensure_single(read_catalog(text, FILE)))
    difference = compare_catalog(session, catalog)
    problems = list(_list_foreign(session, catalog, difference))
    if problems:
        raise CatalogError(problems)
    key = next(iter(catalog.plans))
    return PlanDraft(key, catalog, next(iter(difference.plans), None), queries.find_newest_number(session, key) or 0)


def publish_draft(session: Session, text: str, *, after: int, actor: Actor, now: datetime) -> int | None:
    """Publish a draft that was checked when version `after` was the newest; returns the number of the new version.

    None: only the plan's description changed, or nothing. Publishing the same draft twice makes one version. Nobody who
    subscribed is moved. Raises `CatalogError`; `Conflict` if another version was published since.
    """
    lock_catalog(session)
    draft = read_draft(session, text)
    if draft.after != after:
        if draft.after == after + 1 and draft.change is None:
            return draft.after
        raise Conflict(_STALE.format(newest=draft.after))
    apply_catalog(session, draft.catalog, actor=actor, now=now)
    return draft.number


def find_published(session: Session, draft: PlanDraft) -> PlanVersion:
    """The version that a draft has become, with all its parts."""
    version = queries.find_version_of(session, draft.key, draft.number or draft.after)
    if version is None or version.content_hash != hash_terms(draft.catalog.plans[draft.key].terms):
        raise RuntimeError(f"draft of {draft.key} is not published")
    return version


def _ensure_single(catalog: Catalog) -> Catalog:
    if len(catalog.plans) != 1:
        second = list(catalog.plans)[1:]
        path = ("plans", second[0]) if second else ("plans",)
        raise CatalogError([catalog.build_mistake(path, "a draft is of one plan")])
    return catalog


def _take_place(session: Session, catalog: Catalog) -> Catalog:
    """Give the plan the place that it has; a new one comes last."""
    [plan] = catalog.plans.values()
    place = session.scalar(select(Plan.position).where(Plan.key == plan.key))
    if place is None:
        place = (session.scalar(select(func.max(Plan.position))) or 0) + 1
    return replace(catalog, plans={plan.key: replace(plan, position=place)})


def _list_foreign(session: Session, catalog: Catalog, difference: CatalogDifference) -> Iterator[CatalogMistake]:
    for meter in difference.meters:
        yield catalog.build_mistake(("meters", meter.wanted.key), f"a meter {_WHOLE_FILE}")
    for plan in catalog.plans.values():
        row = session.scalars(select(Plan).where(Plan.key == plan.key)).one_or_none()
        if plan.default != (row is not None and row.is_default):
            yield catalog.build_mistake(("plans", plan.key, "default"), f"the default plan {_WHOLE_FILE}")
