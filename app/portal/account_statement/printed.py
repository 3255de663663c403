"""A statement as a document to print. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.invoices.document import Column, Document, DocumentSection, DocumentTotal, Party
from app.invoices.document import Row as PrintedRow
from app.invoices.parties import build_buyer, list_repeated_facts, list_repeated_notes
from app.portal.account_statement.account import AccountStatement, CurrencyAccount
from app.portal.account_statement.view import describe_balance, list_figures
from app.statements.wording import format_amount, format_day, format_days

_COLUMNS = (Column("Description"), Column("Day"), Column("Amount", number=True), Column("Balance", number=True))
_SIGNS = "Charges and refunds raise the balance; payments and credits lower it. Below zero it is in your favour."


def build_document(statement: AccountStatement, seller: Party, contact: Row[Any], now: datetime) -> Document:
    """Build the document: an account a section, with its movements; `contact` is the org's billing contact."""
    span, accounts = statement.span, statement.accounts
    return Document(
        title="Statement of account",
        number=format_days(span.first, span.last),
        seller=seller,
        buyer=build_buyer(contact),
        dated=min(now, span.period.end),
        facts=[("Days in", span.zone), *list_repeated_facts(contact)],
        sections=[_build_section(account, span.zone) for account in accounts],
        totals=_list_totals(accounts),
        notes=[
            *(["There were no movements in this period."] if not accounts else []),
            *list_repeated_notes(contact),
            _SIGNS,
            "This statement is not an invoice.",
        ],
        footer=seller.name,
    )


def _build_section(account: CurrencyAccount, zone: str) -> DocumentSection:
    def printed(amount: int) -> str:
        return format_amount(amount, account.currency)

    rows = [
        PrintedRow((row.movement.words, format_day(row.movement.at, zone), printed(row.movement.amount),
                    printed(row.balance)))
        for row in account.rows
    ]  # fmt: skip
    opening = PrintedRow(("Opening balance", "", "", printed(account.opening)))
    closing = PrintedRow(("Closing balance", "", "", printed(account.closing)))
    summary = describe_balance(account.closing, account.currency)
    return DocumentSection(f"Account in {account.currency}", _COLUMNS, [opening, *rows, closing], summary)


def _list_totals(accounts: Sequence[CurrencyAccount]) -> list[DocumentTotal]:
    """From opening to closing balance; of several accounts only how each closes."""
    if len(accounts) == 1:
        figures = list_figures(accounts[0])
        return [DocumentTotal(label, amount, strong=label == "Closing balance") for label, amount in figures]
    return [
        DocumentTotal(f"Closing balance in {account.currency}", format_amount(account.closing, account.currency), True)
        for account in accounts
    ]
