"""What billing runs leave open: credit notes that fail, and lines that wait for an invoice. Page, API and command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

# `left`: the org's running period is priced in another currency. No close bills that: Stripe takes one at a time.
# What a close that is not finished is about to bill does not wait.
_WAITING = text("""
SELECT org.name, waiting.org_id, waiting.currency, waiting.amount, waiting.lines, period.currency AS running_currency,
       waiting.currency <> coalesce(period.currency, waiting.currency) AS left
FROM invoices_waiting waiting
JOIN accounts_orgs org ON org.id = waiting.org_id
LEFT JOIN LATERAL (
    SELECT currency FROM subscriptions_periods
    WHERE org_id = waiting.org_id AND starts_at <= :now AND currency IS NOT NULL
    ORDER BY starts_at DESC LIMIT 1
) period ON true
WHERE (CAST(:org AS uuid) IS NULL OR waiting.org_id = :org)
  AND (waiting.currency <> period.currency
       OR NOT EXISTS (SELECT FROM period_closes close
                      WHERE close.org_id = waiting.org_id AND close.billed_at IS NULL))
ORDER BY 7 DESC, org.name, waiting.org_id, waiting.currency LIMIT :most
""")
_FAILING = text("""
SELECT org.name, note.org_id, note.id, note.invoice, note.currency, note.amount, note.error, note.opened_at
FROM invoices_failing_notes note JOIN accounts_orgs org ON org.id = note.org_id
WHERE CAST(:org AS uuid) IS NULL OR note.org_id = :org
ORDER BY note.opened_at, note.id LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class OpenEnds:
    """What is open now, whatever period it is of. `left_over` waits in a currency that its org has left."""

    failing_notes: Sequence[Row[Any]]
    waiting: Sequence[Row[Any]]
    left_over: Sequence[Row[Any]]


def find_open_ends(session: Session, now: datetime, limit: int, org_id: UUID | None = None) -> OpenEnds:
    """Find what is open, of one org or all; at most `limit` notes, oldest first, and `limit` sums of lines.

    Worked example: 30 cents of a plan in dollars, of an org that pays in euros now: left over (USD, 30, 1 line, EUR).
    """
    asked = {"now": now, "most": limit, "org": org_id}
    waiting = session.execute(_WAITING, asked).all()
    return OpenEnds(
        failing_notes=session.execute(_FAILING, asked).all(),
        waiting=[row for row in waiting if not row.left],
        left_over=[row for row in waiting if row.left],
    )
