"""Staff pages of plans: all of them, and one with its versions, their difference and who is on which."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flask import Response, request

from app.admin.offline.pages import pages
from app.admin.plan_versions import view as views
from app.admin.plan_versions.queries import list_version_orgs, list_versions
from app.admin.plan_versions.radius_view import RadiusView, build_radius_view
from app.admin.plan_versions.view import PlanView, VersionRow
from app.catalog import queries as catalog
from app.catalog.compare import compare_terms
from app.catalog.definition import PlanTerms
from app.catalog.from_db import build_terms
from app.kit.errors import NotFound
from app.statements.blast.radius import find_blast_radius
from app.statements.blast.version import load_priced_version
from app.subscriptions.changes.move_rows import list_moves
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

__all__ = ["pages"]  # `draft_pages` imports the blueprint from here, once these routes are registered


@pages.get("/admin/plans")
def plans() -> Response:
    """Every plan with its newest version, its prices, and how many organisations are on it."""
    rows = list_versions(session(), business_now())
    return render("admin/plans.html", plans=views.build_plan_rows(rows), cut=views.describe_cut(rows))


@pages.get("/admin/plans/<key>")
def plan(key: str) -> Response:
    """A plan's versions, how one differs from another, and who is on them."""
    now = business_now()
    found = views.build_plan_rows(list_versions(session(), now, key))
    if not found:
        raise NotFound("There is no such plan.")
    row = found[0]
    asked = _find(row.versions, request.args.get("version", ""))
    shown = asked or row.newest
    against = _find(row.versions, request.args.get("against", "")) or _find(row.versions, str(shown.number - 1))
    if against is shown:
        against = None
    only = shown.number if asked else None
    holders = list_version_orgs(session(), key, only, now, views.MANY + 1)
    view = PlanView(
        plan=row,
        shown=shown,
        against=against,
        terms=views.build_terms(_compare(key, against, shown)),
        holders=views.build_holders(holders),
        only=only,
        cut=views.describe_holders_cut(holders, shown.orgs if asked else row.orgs),
        moves=views.build_move_rows(list_moves(session(), key, views.MOVES)),
        radius=_find_radius(shown, against, now) if against and "effects" in request.args else None,
    )
    return render("admin/plan.html", view=view)


def _find(versions: Sequence[VersionRow], number: str) -> VersionRow | None:
    return next((version for version in versions if str(version.number) == number), None)


def _find_radius(shown: VersionRow, against: VersionRow, now: datetime) -> RadiusView | None:
    version = catalog.find_version(session(), shown.version_id)
    if version is None:
        return None
    radius = find_blast_radius(session(), load_priced_version(session(), version), now, number=against.number)
    return build_radius_view(radius, shown.number, f"on version {against.number}")


def _compare(key: str, against: VersionRow | None, shown: VersionRow) -> dict[str, tuple[str, str]]:
    return compare_terms(_load(key, against), _load(key, shown))


def _load(key: str, row: VersionRow | None) -> PlanTerms:
    version = catalog.find_version_of(session(), key, row.number) if row else None
    return build_terms(version) if version else PlanTerms()
