"""Staff API of plans: all of them with their versions, and how many organisations are on each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Row

from app.admin.offline.api import api
from app.admin.plan_versions.queries import MOST_VERSIONS, list_versions
from app.admin.plan_versions.schemas import PLANS, PlanVersionOut, StaffPlan, StaffPlansAnswer
from app.catalog.api_schemas import Price
from app.web.database import session
from app.web.runtime import business_now

__all__ = ["api"]  # `draft_api` imports the blueprint from here, once this call is registered


@api.operation(
    "GET", "/admin/plans", response=StaffPlansAnswer, answer=PLANS,
    summary="List every plan with its versions",
    description="Private and archived plans too. An organisation is counted by the version of its running usage"
    " period.",
)  # fmt: skip
def list_plans() -> StaffPlansAnswer:
    """The same as the staff page."""
    rows = list_versions(session(), business_now())
    plans = [_build_plan(list(group)) for _, group in groupby(rows, key=lambda row: row.key)]
    return StaffPlansAnswer(plans, complete=len(rows) < MOST_VERSIONS)


def _build_plan(rows: Sequence[Row[Any]]) -> StaffPlan:
    head = rows[0]
    return StaffPlan(
        key=head.key,
        name=head.name,
        summary=head.summary,
        public=head.public,
        default=head.is_default,
        archived_at=head.archived_at,
        orgs=sum(row.orgs for row in rows),
        versions=[
            PlanVersionOut(
                number=row.number,
                version_id=str(row.version_id),
                published_at=row.published_at,
                newest=row.is_newest,
                prices=[Price(currency, interval, amount) for currency, interval, amount in row.prices],
                orgs=row.orgs,
            )
            for row in rows
        ],
    )
