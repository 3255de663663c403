"""Many organisations like one: its rows copied in SQL, so that hundreds cost a moment."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Table, text
from sqlalchemy.orm import Session

from app.kit.db import Base

_TABLES = ("orgs", "subscriptions", "plans_in_force", "usage_periods", "terms_in_force", "usage_counters")


def copy_org(session: Session, org_id: UUID, used: Sequence[int]) -> list[UUID]:
    """Copy an organisation once for each entry of `used`, which is what the copy has used of every meter; commits.

    Plan, periods and terms are the original's; members, keys and events are not copied.
    """
    session.execute(text("CREATE TEMP TABLE crowd (n int, org_id uuid, used numeric) ON COMMIT DROP"))
    session.execute(
        text("INSERT INTO crowd SELECT n, gen_random_uuid(), used FROM unnest(CAST(:used AS numeric[]))"
             " WITH ORDINALITY AS each (used, n)"),
        {"used": list(used)},
    )  # fmt: skip
    for name in _TABLES:
        session.execute(text(_build(Base.metadata.tables[name])), {"org": org_id})
    made = list(session.scalars(text("SELECT org_id FROM crowd ORDER BY n")))
    session.commit()
    return made


def _build(table: Table) -> str:
    columns = ", ".join(column.name for column in table.columns if column.computed is None)
    made = ", ".join(f"(made).{column.name}" for column in table.columns if column.computed is None)
    patch = {
        "orgs": "'id', crowd.org_id, 'name', old.name || ' ' || crowd.n",
        "subscriptions": "'id', gen_random_uuid(), 'org_id', crowd.org_id",
        "usage_counters": "'org_id', crowd.org_id, 'used', crowd.used",
    }.get(table.name, "'org_id', crowd.org_id")
    own = "id" if table.name == "orgs" else "org_id"
    return (
        f"INSERT INTO {table.name} ({columns}) SELECT {made} FROM {table.name} old CROSS JOIN crowd"
        f" CROSS JOIN LATERAL (SELECT jsonb_populate_record(old, jsonb_build_object({patch})) AS made) copy"
        f" WHERE old.{own} = :org"
    )
