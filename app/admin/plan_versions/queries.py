"""Reads of plans with their versions, and of the organisations that are on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

Rows = Sequence[Row[Any]]

MOST_VERSIONS = 500

_VERSIONS = text("""
WITH held AS MATERIALIZED (
    SELECT plan_version_id, count(*) AS orgs FROM subscriptions_holders(:now) GROUP BY plan_version_id
)
SELECT plan.key, plan.name, plan.summary, plan.public, plan.is_default, plan.archived_at,
       version.id AS version_id, version.number, version.published_at,
       newest.version_id = version.id AS is_newest, coalesce(held.orgs, 0) AS orgs,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(currency, interval, amount)
                                  ORDER BY currency <> 'USD', currency, interval), '[]')
        FROM catalog_prices WHERE plan_version_id = version.id) AS prices
FROM catalog_plans plan
JOIN catalog_versions version ON version.plan_id = plan.id AND version.published_at IS NOT NULL
JOIN catalog_newest newest ON newest.plan_id = plan.id
LEFT JOIN held ON held.plan_version_id = version.id
WHERE CAST(:key AS text) IS NULL OR plan.key = :key
ORDER BY plan.archived_at IS NOT NULL, plan.position, plan.key, version.number DESC LIMIT :limit
""")
_ORGS = text("""
SELECT running.org_id, running.name, version.number, ours.interval, ours.currency, ours.collection
FROM subscriptions_holders(:now) running
JOIN catalog_versions version ON version.id = running.plan_version_id
LEFT JOIN subscriptions_open ours ON ours.org_id = running.org_id
WHERE version.plan_key = :key AND (CAST(:number AS integer) IS NULL OR version.number = :number)
ORDER BY lower(running.name), running.org_id LIMIT :limit
""")


def list_versions(session: Session, now: datetime, key: str | None = None, limit: int = MOST_VERSIONS) -> Rows:
    """Published versions of every plan, or of one, the newest of each plan first; archived plans last.

    `orgs` counts the organisations whose running usage period is on the version. Worked example: Free, and Pro with a
    version that three organisations stayed on: (free, 1), (pro, 2), (pro, 1, orgs 3).
    """
    return session.execute(_VERSIONS, {"now": now, "key": key, "limit": limit}).all()


def list_version_orgs(session: Session, key: str, number: int | None, now: datetime, limit: int) -> Rows:
    """At most `limit` organisations on a plan, or on one of its versions, by name.

    Worked example: two organisations on Pro's version 1 and one on 2: with number 1 the first two, by name.
    """
    return session.execute(_ORGS, {"key": key, "number": number, "now": now, "limit": limit}).all()
