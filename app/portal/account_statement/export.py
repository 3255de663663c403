"""A statement as CSV: an opening row, each movement with the balance after it, and a closing row, by currency."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from app.portal.account_statement.account import AccountStatement, CurrencyAccount
from app.web.csv_export import Cell, Money

HEAD = ("date", "kind", "event", "description", "number", "amount", "balance", "currency", "at", "id")


def iterate_file_rows(statement: AccountStatement) -> Iterator[tuple[Cell, ...]]:
    """Yield the rows; days are in the organisation's zone, `at` is in UTC."""
    zone = ZoneInfo(statement.span.zone)
    for account in statement.accounts:
        yield _edge_row(statement, account, "opening_balance")
        for row in account.rows:
            moved = row.movement
            yield (
                moved.at.astimezone(zone).date(), moved.kind, moved.event, moved.words, moved.document,
                Money(moved.amount, account.currency), Money(row.balance, account.currency), account.currency,
                moved.at, moved.source,
            )  # fmt: skip
        yield _edge_row(statement, account, "closing_balance")


def _edge_row(statement: AccountStatement, account: CurrencyAccount, kind: str) -> tuple[Cell, ...]:
    opens = kind == "opening_balance"
    day, balance = (statement.span.first, account.opening) if opens else (statement.span.last, account.closing)
    words = "Opening balance" if opens else "Closing balance"
    return day, kind, None, words, None, None, Money(balance, account.currency), account.currency, None, None
