"""API: the statement of account."""

from __future__ import annotations

from app.accounts import queries as accounts
from app.accounts.guards import acting_org
from app.portal.account_statement import examples
from app.portal.account_statement.account import CurrencyAccount, StatementRow
from app.portal.account_statement.movements import ADJUSTMENT, CHARGE, CREDIT, PAYMENT, REFUND, WRITE_OFF
from app.portal.account_statement.queries import MOST_MOVEMENTS, get_statement
from app.portal.account_statement.requests import MOST_MONTHS, build_span
from app.portal.account_statement.schemas import CurrencyAccountOut, MovementOut, StatementAnswer, StatementQuery
from app.web.api import Api
from app.web.database import session
from app.web.runtime import business_now

api = Api("statement", __name__)


@api.operation(
    "GET", "/billing/statement", query=StatementQuery, response=StatementAnswer, answer=examples.STATEMENT,
    summary="Get the statement of account",
    description="Opening balance, charges, payments, credits, refunds and closing balance between two days, of Stripe's"
    f" invoices and of those that we send. At most {MOST_MONTHS} months and {MOST_MOVEMENTS:,} movements. The page, the"
    " CSV file and the PDF say the same.",
)  # fmt: skip
def show_statement(query: StatementQuery) -> StatementAnswer:
    """Compute the statement of the days asked for."""
    org_id = acting_org()
    span = build_span(query.start, query.end, accounts.get_org(session(), org_id).time_zone, business_now())
    statement = get_statement(session(), org_id, span)
    return StatementAnswer(
        start=span.first,
        end=span.last,
        time_zone=span.zone,
        accounts=[_build_account(account) for account in statement.accounts],
    )


def _build_account(account: CurrencyAccount) -> CurrencyAccountOut:
    return CurrencyAccountOut(
        currency=account.currency,
        opening_balance=account.opening,
        charges=account.sums[CHARGE],
        payments=account.sums[PAYMENT],
        credits=account.sums[CREDIT],
        refunds=account.sums[REFUND],
        written_off=account.sums[WRITE_OFF],
        adjustments=account.sums[ADJUSTMENT],
        closing_balance=account.closing,
        movements=[_build_movement(row) for row in account.rows],
    )


def _build_movement(row: StatementRow) -> MovementOut:
    moved = row.movement
    return MovementOut(
        id=moved.source,
        at=moved.at,
        kind=moved.kind,  # type: ignore[arg-type]  # one of KINDS
        event=moved.event,
        description=moved.words,
        number=moved.document,
        amount=moved.amount,
        balance=row.balance,
    )
