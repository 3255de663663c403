"""Reads what an import brought an org and what a void of it would come to, and the org's imports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.metering.corrections.void import OLDEST

PREVIEWED = 50_000
"""Events that a preview counts, in about a second."""

_LISTED = 20
_BROUGHT = """
SELECT claimed.key, event.meter_id, event.billable, event.quantity, period.starts_at, period.ends_at,
       period.closed_at IS NOT NULL AS closed,
       CASE WHEN EXISTS (SELECT FROM usage_keys void WHERE void.org_id = claimed.org_id
                           AND void.key = usage_void_key(claimed.key)) THEN 'again'
            ELSE usage_void_outcome(occurred_at => event.occurred_at, oldest => :oldest,
                                    aggregation => meter.aggregation, closed => period.closed_at IS NOT NULL)
       END AS outcome
FROM usage_keys claimed
JOIN usage_events event ON event.org_id = claimed.org_id AND event.occurred_at = claimed.occurred_at
     AND event.key = claimed.key
JOIN catalog_meters meter ON meter.id = event.meter_id
LEFT JOIN subscriptions_periods period ON period.org_id = event.org_id AND period.starts_at <= event.occurred_at
     AND period.ends_at > event.occurred_at
WHERE claimed.import_id = :import AND claimed.org_id = :org ORDER BY claimed.key LIMIT :most
"""
_COUNTED = text(f"""
SELECT meter_id, billable, starts_at, ends_at, closed, outcome, count(*) AS events, sum(quantity) AS quantity
FROM ({_BROUGHT}) brought GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY starts_at, meter_id, billable, outcome
""")  # noqa: S608  # nosec B608  # fixed words
_FIRST = text(f"""
SELECT key FROM ({_BROUGHT}) brought WHERE outcome = 'voided' ORDER BY key LIMIT 1
""")  # noqa: S608  # nosec B608  # fixed words
_MORE = text("""
SELECT EXISTS (SELECT FROM usage_keys WHERE import_id = :import AND org_id = :org OFFSET :most)
""")
_FILES = text("""
SELECT id, file, started_at FROM usage_imports import
WHERE EXISTS (SELECT FROM usage_keys claimed WHERE claimed.import_id = import.id AND claimed.org_id = :org)
ORDER BY started_at DESC, id LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class BroughtUsage:
    """Events that an import brought, of one meter and usage period and with one `outcome` of a void.

    That is voided, again (it is voided already), period_open or too_old. Without a period the times are None.
    """

    meter_id: int
    billable: bool
    starts_at: datetime | None
    ends_at: datetime | None
    closed: bool
    outcome: str
    events: int
    quantity: Decimal


def list_brought(
    session: Session, org_id: UUID, import_id: UUID, now: datetime, most: int = PREVIEWED
) -> tuple[list[BroughtUsage], bool]:
    """List what an import brought the org, and whether that is all: of more events than `most`, so many are counted.

    Worked example: five events of 2 calls in November, two of them voided: (3 events, 6 calls, voided) and (2, 4,
    again).
    """
    asked = {"org": org_id, "import": import_id, "oldest": now - OLDEST, "most": most}
    found = [BroughtUsage(*row) for row in session.execute(_COUNTED, asked)]
    return found, not session.scalar(_MORE, asked)


def find_start(session: Session, org_id: UUID, import_id: UUID, now: datetime) -> UUID | None:
    """Find the key after which the first event lies that can be voided; None if there is none.

    Worked example: of the keys 1 to 5 the first two are voided: 2.
    """
    asked = {"org": org_id, "import": import_id, "oldest": now - OLDEST, "most": None}
    first = session.scalar(_FIRST, asked)
    return None if first is None else UUID(int=first.int - 1)


def list_imports(session: Session, org_id: UUID) -> Sequence[Row[Any]]:
    """List the imports that brought the org usage, newest first: id, file and when it began.

    Worked example: a file imported in May: (its id, "march.csv", that time).
    """
    return session.execute(_FILES, {"org": org_id, "most": _LISTED}).all()
