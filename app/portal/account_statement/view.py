"""View model of the statement page, for the organisation's members and for staff. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.portal.account_statement.account import AccountStatement, CurrencyAccount, StatementRow, StatementSpan
from app.portal.account_statement.movements import KINDS
from app.portal.account_statement.requests import usual_span
from app.portal.shell.links import Link
from app.statements.wording import format_amount, format_days

Addresses = Callable[..., str]
"""The address of the page with some days, of its CSV file with `file="csv"`, of its PDF with `file="pdf"`."""


@dataclass(frozen=True, slots=True)
class RowView:
    """A movement as the table shows it; `href` is its invoice's page."""

    at: datetime
    words: str
    href: str | None
    amount: str
    balance: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account in one currency. `figures` are (label, amount) from opening to closing balance."""

    currency: str
    figures: Sequence[tuple[str, str]]
    standing: str
    opening: str
    rows: Sequence[RowView]
    closing: str


@dataclass(frozen=True, slots=True)
class StatementView:
    """The page. `trouble` says what is wrong with the days; then there are no accounts and no files."""

    zone: str
    days: str
    first: date | None
    last: date | None
    presets: Sequence[Link]
    accounts: Sequence[AccountView]
    csv_href: str | None
    pdf_href: str | None
    trouble: str | None = None


def build_statement_view(
    statement: AccountStatement, address: Addresses, pages: Mapping[str, str], now: datetime
) -> StatementView:
    """Build the page; `pages` are the addresses of invoices by the id that movements name."""
    span = statement.span
    return StatementView(
        zone=span.zone,
        days=format_days(span.first, span.last),
        first=span.first,
        last=span.last,
        presets=list_presets(span, address, now),
        accounts=[_build_account(account, pages) for account in statement.accounts],
        csv_href=address(span, file="csv") if statement.accounts else None,
        pdf_href=address(span, file="pdf") if statement.accounts else None,
    )


def build_trouble_view(
    zone: str, detail: str, days: tuple[date | None, date | None], address: Addresses, now: datetime
) -> StatementView:
    """Build the page for days that make no statement."""
    presets = list_presets(None, address, now, zone)
    return StatementView(zone, "", *days, presets, (), None, None, trouble=detail)


def list_presets(shown: StatementSpan | None, address: Addresses, now: datetime, zone: str = "") -> list[Link]:
    """The last twelve months, this year so far and the last one; the one that is shown is marked."""
    usual = usual_span(shown.zone if shown else zone, now)
    year = usual.last.year
    presets = {
        "Last 12 months": usual,
        "This year": StatementSpan(date(year, 1, 1), usual.last, usual.zone),
        "Last year": StatementSpan(date(year - 1, 1, 1), date(year - 1, 12, 31), usual.zone),
    }
    return [(label, address(span), span == shown) for label, span in presets.items()]


def describe_balance(balance: int, currency: str) -> str:
    """What a closing balance means for the customer."""
    if balance > 0:
        return f"{format_amount(balance, currency)} to be paid."
    if balance < 0:
        return f"{format_amount(-balance, currency)} in credit, taken off the next invoices."
    return "Settled: nothing to be paid."


def list_figures(account: CurrencyAccount) -> list[tuple[str, str]]:
    """From opening to closing balance: each kind of movement that there was, and always charges and payments."""
    usual = ("charge", "payment")
    kinds = [kind for kind in KINDS if kind in usual or any(row.movement.kind == kind for row in account.rows)]
    return [
        ("Opening balance", format_amount(account.opening, account.currency)),
        *((KINDS[kind], format_amount(account.sums[kind], account.currency)) for kind in kinds),
        ("Closing balance", format_amount(account.closing, account.currency)),
    ]


def _build_account(account: CurrencyAccount, pages: Mapping[str, str]) -> AccountView:
    return AccountView(
        currency=account.currency,
        figures=list_figures(account),
        standing=describe_balance(account.closing, account.currency),
        opening=format_amount(account.opening, account.currency),
        rows=[_build_row(row, account.currency, pages) for row in account.rows],
        closing=format_amount(account.closing, account.currency),
    )


def _build_row(row: StatementRow, currency: str, pages: Mapping[str, str]) -> RowView:
    moved = row.movement
    return RowView(
        moved.at, moved.words, pages.get(moved.invoice or ""), format_amount(moved.amount, currency),
        format_amount(row.balance, currency),
    )  # fmt: skip
