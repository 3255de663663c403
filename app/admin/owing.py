"""Who owes: organisations whose payment to Stripe is past due, longest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.subscriptions.states import LATE
from app.subscriptions.terms.restriction import find_lift_end, is_restricted

# What each owes is summed for the rows that are shown only.
_OWING = text("""
WITH late AS MATERIALIZED (
    SELECT org.id, org.name, ours.plan_version_id, ours.limited_at, ours.restriction_lifted_until,
           dunning.started_at AS since, dunning.grace_ends_at, count(*) OVER () AS total
    FROM subscriptions_open ours
    JOIN accounts_orgs org ON org.id = ours.org_id AND org.deleted_at IS NULL
    LEFT JOIN (SELECT org_id, min(started_at) AS started_at, min(grace_ends_at) AS grace_ends_at
               FROM payments_dunnings_running GROUP BY org_id) dunning ON dunning.org_id = ours.org_id
    WHERE ours.collection = 'stripe' AND ours.state = ANY (:late)
    ORDER BY dunning.started_at NULLS LAST, org.id LIMIT :limit
)
SELECT late.*, pv.plan_name AS plan, owed.amount, owed.currency, owed.invoices, owed.next_attempt_at
FROM late
LEFT JOIN catalog_versions pv ON pv.id = late.plan_version_id
CROSS JOIN LATERAL (SELECT sum(due.amount)::bigint AS amount, min(due.currency) AS currency, count(*) AS invoices,
                           min(due.next_attempt_at) AS next_attempt_at
                    FROM payments_owed(late.id) due) owed
ORDER BY late.since NULLS LAST, late.id
""")


@dataclass(frozen=True, slots=True)
class Owing:
    """An organisation that is past due. `amount` in minor units, None while no invoice of it is known.

    `since`: when the payment failed. `next_attempt_at`: when Stripe tries again. `grace_ends_at`: when limits fall if
    nothing is paid; None once they have.
    """

    org_id: UUID
    name: str
    plan: str
    since: datetime | None
    amount: int | None
    currency: str | None
    invoices: int
    restricted: bool
    grace_ends_at: datetime | None
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OwingOrgs:
    """The longest overdue of `total` organisations."""

    rows: Sequence[Owing]
    total: int


def list_owing(session: Session, now: datetime, limit: int = 25) -> OwingOrgs:
    """List organisations that Stripe collects for and whose payment failed, the longest overdue first.

    Worked example: Acme on Pro, its renewal of 49 USD declined on 20 November, grace to 27 November: one row with
    since 20 November, 4900, USD, one invoice, not restricted.
    """
    found = session.execute(_OWING, {"late": sorted(LATE), "limit": limit}).all()
    rows = []
    for row in found:
        restricted = is_restricted(row.limited_at, row.restriction_lifted_until, now)
        falls = find_lift_end(row.limited_at, row.restriction_lifted_until, now) or row.grace_ends_at
        rows.append(
            Owing(row.id, row.name, row.plan or "–", row.since, row.amount, row.currency, row.invoices,
                  restricted, None if restricted else falls, row.next_attempt_at)
        )  # fmt: skip
    return OwingOrgs(rows, found[0].total if found else 0)
