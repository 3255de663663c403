"""Loads plan versions with their plans and all their parts, in one statement however many they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Select, inspect, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app.catalog.models import Meter, Plan, PlanVersion
from app.kit.postgres.together import AnySelect, keep, read_together

_PARTS = ("prices", "charges", "meters", "limits", "features")


def load_versions(session: Session, query: Select[PlanVersion], *more: AnySelect) -> list[PlanVersion]:
    """The versions that the query selects, with everything that belongs to them; `more` is prepared with them."""
    ids = query.with_only_columns(PlanVersion.id)
    plans = query.with_only_columns(PlanVersion.plan_id)
    asked = [_select_part(name).where(_owner(name).in_(ids)) for name in _PARTS]
    versions, owners, meters, *parts = read_together(
        session, query, select(Plan).where(Plan.id.in_(plans)), select(Meter), *asked, *more
    )
    keep(session, more, parts[len(_PARTS) :])
    _join(versions, "plan", "plan_id", {plan.id: plan for plan in owners})
    named = {meter.id: meter for meter in meters}
    for name, found in zip(_PARTS, parts, strict=False):
        if name in {"charges", "meters"}:
            _join(found, "meter", "meter_id", named)
        _give(versions, name, found)
    return versions


def _select_part(name: str) -> Select[Any]:
    relation = inspect(PlanVersion).relationships[name]
    return select(relation.entity.class_).order_by(*relation.order_by or ())


def _owner(name: str) -> Any:
    return inspect(PlanVersion).relationships[name].entity.class_.plan_version_id


def _join(rows: Iterable[Any], name: str, by: str, known: dict[Any, Any]) -> None:
    for row in rows:
        set_committed_value(row, name, known[getattr(row, by)])


def _give(versions: Iterable[PlanVersion], name: str, found: Iterable[Any]) -> None:
    """Give each version its parts of one kind, in their order."""
    own: dict[UUID, list[Any]] = {version.id: [] for version in versions}
    for part in found:
        own[part.plan_version_id].append(part)
    for version in versions:
        set_committed_value(version, name, own[version.id])
