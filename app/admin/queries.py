"""Staff's reads across organisations, one query per question."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Integer, Row, Text, Uuid, text
from sqlalchemy.orm import Session

from app.kit.postgres.together import ask

Rows = Sequence[Row[Any]]

_HEALTH = text("""
SELECT (SELECT count(*) FROM accounts_orgs WHERE deleted_at IS NULL) AS orgs,
       (SELECT count(*) FROM accounts_orgs WHERE deleted_at IS NULL AND created_at >= :month_ago) AS new_orgs,
       (SELECT count(*) FROM accounts_orgs WHERE deleted_at IS NULL AND suspended_at IS NOT NULL) AS suspended,
       (SELECT count(*) FROM accounts_users WHERE deleted_at IS NULL) AS users,
       (SELECT array_agg(DISTINCT org.name ORDER BY org.name)
        FROM payments_second_subscriptions second JOIN accounts_orgs org ON org.id = second.org_id) AS charged_twice,
       (SELECT count(*) FROM billing_runs_alarms) AS rehearsal_alarms,
       (SELECT count(*) FROM catalog_meters WHERE archived_at IS NULL) AS meters,
       queue.waiting, queue.parked, queue.oldest, heartbeat.worker_at, heartbeat.scheduler_at, rollups.folded_at,
       (SELECT coalesce(sum(events), 0)::bigint FROM metering_totals
        WHERE day = :today AND dimension = '') AS events_today,
       current_setting('server_version') AS server, pg_database_size(current_database()) AS bytes,
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections
FROM (SELECT count(*) FILTER (WHERE status = 'todo') AS waiting,
             count(*) FILTER (WHERE status = 'failed') AS parked,
             min(scheduled_at) FILTER (WHERE status = 'todo' AND scheduled_at <= :wall) AS oldest
      FROM queue_jobs WHERE status IN ('todo', 'failed')) queue,
     queue_heartbeat heartbeat,
     (SELECT min(folded_at) AS folded_at FROM metering_rollups) rollups
""")
# One organisation with its members: one row per member, at least one.
_ORG = """
SELECT org.id, org.name, org.time_zone, org.currency, org.created_at, org.suspended_at,
       plan.name AS plan, plan.key AS plan_key, pv.number AS plan_version, pv.id AS plan_version_id,
       subscription.state, subscription.collection, subscription.interval, subscription.currency AS paid_in,
       subscription.started_at,
       subscription.billing_ends_at, subscription.limited_at, subscription.restriction_lifted_until,
       EXISTS (SELECT FROM subscriptions_planned planned
               WHERE planned.org_id = org.id AND planned.origin = 'staff') AS moves,
       member.role, member.created_at AS joined_at,
       person.id AS user_id, person.name AS user_name, person.email{more}
FROM accounts_orgs org
LEFT JOIN subscriptions_open subscription ON subscription.org_id = org.id
LEFT JOIN catalog_versions pv ON pv.id = subscription.plan_version_id
LEFT JOIN catalog_plans plan ON plan.id = pv.plan_id OR (pv.id IS NULL AND plan.is_default)
LEFT JOIN accounts_memberships member ON member.org_id = org.id
LEFT JOIN accounts_users person ON person.id = member.user_id
WHERE org.id = :org_id AND org.deleted_at IS NULL
ORDER BY array_position(ARRAY['owner', 'admin', 'billing', 'member', 'viewer'], member.role), lower(person.name)
"""
_ORG_ALONE = text(_ORG.format(more=""))
_ORG_WITH_STRIPE = text(
    _ORG.format(
        more=", (SELECT count(*) FROM accounts_org_notes note WHERE note.org_id = org.id) AS notes"
        ", (SELECT payments_at_stripe(:org_id, :limit)) AS stripe,"
        " ARRAY(SELECT currency FROM invoices_waiting WHERE org_id = :org_id) AS waiting_in"
    )
)
# The plans staff can assign: the newest published version of every live plan, including private ones, a row per price.
OFFERS = text("""
SELECT plan.key, plan.name, plan.public, plan.is_default, plan.version_id, plan.number,
       price.currency, price.interval, price.amount
FROM catalog_offers plan
LEFT JOIN catalog_prices price ON price.plan_version_id = plan.version_id
ORDER BY plan.position, plan.key, price.currency <> 'USD', price.currency, price.interval
""").columns(
    key=Text, name=Text, public=Boolean, is_default=Boolean, version_id=Uuid, number=Integer, currency=Text,
    interval=Text, amount=BigInteger,
)  # fmt: skip
# Every feature of the newest plans; `is_list` if some plan gives it a list.
FEATURES = text("""
SELECT feature.key, min(feature.label) AS label, bool_or(jsonb_typeof(feature.value) = 'array') AS is_list
FROM catalog_newest newest JOIN catalog_features feature ON feature.plan_version_id = newest.version_id
GROUP BY feature.key ORDER BY label
""").columns(key=Text, label=Text, is_list=Boolean)
_NAMES = text("SELECT id, name FROM accounts_users WHERE id = ANY (:ids)")
_ZONES = text("SELECT id, time_zone FROM accounts_orgs WHERE id = ANY (:ids)")
_ORG_NAMES = text("SELECT id, name FROM accounts_orgs WHERE id = ANY (:ids)")


def get_health(session: Session, *, wall: datetime, today: date, month_ago: datetime) -> Row[Any]:
    """Counts and health of the installation in one row.

    `charged_twice` names the orgs with a second subscription at Stripe, NULL if there is none. Worked example: three
    orgs, one of them new and none suspended, an idle queue: 3, 1, 0, ... waiting 0, parked 0.
    """
    found = {"wall": wall, "today": today, "month_ago": month_ago}
    return session.execute(_HEALTH, found).one()


def list_org_rows(session: Session, org_id: UUID) -> Rows:
    """An organisation with its plan, one row per member; empty if it does not exist."""
    return session.execute(_ORG_ALONE, {"org_id": org_id}).all()


def list_org_rows_with_stripe(session: Session, org_id: UUID, *, limit: int) -> Rows:
    """`list_org_rows` with a `stripe` column for `parse_payments`: the newest `limit` records and events."""
    return session.execute(_ORG_WITH_STRIPE, {"org_id": org_id, "limit": limit}).all()


def list_zones(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """The time zones of organisations, by id.

    Worked example: one in Zurich: Europe/Zurich.
    """
    return {row.id: row.time_zone for row in session.execute(_ZONES, {"ids": list(ids)})}


def list_offers(session: Session) -> Rows:
    """The plans staff can assign, one row per price; a plan without prices has one row with price columns null."""
    return ask(session, OFFERS)


def list_features(session: Session) -> Rows:
    """The features that plans have: key, label, and whether a value is a list."""
    return ask(session, FEATURES)


def list_names(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """The names of users by id; API keys among the ids have none."""
    return {row.id: row.name for row in session.execute(_NAMES, {"ids": list(ids)})} if ids else {}


def list_org_names(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """The names of organisations by id."""
    return {row.id: row.name for row in session.execute(_ORG_NAMES, {"ids": list(ids)})} if ids else {}
