"""Reads an account: the balances before a span, and the movements in it, in two queries however many there are."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.errors import InvalidRequest
from app.portal.account_statement.account import AccountStatement, StatementSpan, compute_statement
from app.portal.account_statement.movements import Movement

MOST_MOVEMENTS = 1000
_OPENINGS = text("""
SELECT currency, sum(amount)::bigint
FROM (SELECT * FROM payments_account UNION ALL SELECT * FROM invoices_account) moved
WHERE org_id = :org AND at < :start GROUP BY currency
""")
_MOVEMENTS = text("""
SELECT at, event, amount, currency, document, invoice, detail, source
FROM (SELECT * FROM payments_account UNION ALL SELECT * FROM invoices_account) moved
WHERE org_id = :org AND at >= :start AND at < :end AND amount <> 0 ORDER BY at, source LIMIT :most
""")


def get_statement(session: Session, org_id: UUID, span: StatementSpan) -> AccountStatement:
    """Read and compute an organisation's statement.

    Raises `InvalidRequest` for more than `MOST_MOVEMENTS`: a statement is whole or it does not add up.
    """
    period = span.period
    openings = session.execute(_OPENINGS, {"org": org_id, "start": period.start}).all()
    asked = {"org": org_id, "start": period.start, "end": period.end, "most": MOST_MOVEMENTS + 1}
    movements = [Movement(*row) for row in session.execute(_MOVEMENTS, asked)]
    if len(movements) > MOST_MOVEMENTS:
        raise InvalidRequest(f"There are more than {MOST_MOVEMENTS:,} movements in this period. Choose fewer days.")
    return compute_statement(span, {currency: int(opening) for currency, opening in openings}, movements)
