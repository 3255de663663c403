"""A blast radius as the staff API answers it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from app.admin.plan_versions.draft_schemas import (
    AmountChange,
    Radius,
    RadiusOrg,
    RadiusRevenue,
    RadiusSums,
    TermChange,
)
from app.statements.blast.effects import BlastRadius, CostChange, OrgEffect

MANY = 100


def list_terms(facts: Mapping[str, tuple[str, str]]) -> list[TermChange]:
    """The terms that differ, by path."""
    return [TermChange(path, before, after) for path, (before, after) in facts.items()]


def build_radius(radius: BlastRadius) -> Radius:
    """A blast radius, with the organisations that it changes most for."""
    return Radius(
        orgs=radius.orgs,
        rated=len(radius.effects),
        complete=radius.complete,
        dearer=radius.dearer,
        cheaper=radius.cheaper,
        exceeding=radius.exceeding,
        unsold=radius.unsold,
        revenue=[RadiusRevenue(e.currency, e.orgs, e.unsold, build_change(e.monthly)) for e in radius.revenue],
        sums=[RadiusSums(e.currency, e.orgs, build_change(e.running), build_change(e.closed)) for e in radius.sums],
        largest=[build_radius_org(effect) for effect in radius.effects[:MANY]],
    )


def build_radius_org(effect: OrgEffect) -> RadiusOrg:
    """What a version changes for one organisation."""
    return RadiusOrg(
        org_id=str(effect.org_id),
        name=effect.name,
        version=effect.number,
        currency=effect.currency,
        running=build_change(effect.running),
        last_closed=build_change(effect.closed) if effect.closed else None,
        exceeded=list(effect.exceeded),
        sold=effect.sold,
    )


def build_change(change: CostChange) -> AmountChange:
    """An amount now, and under the version."""
    return AmountChange(change.before, change.after)
