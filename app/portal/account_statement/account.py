"""Computes a statement of account: opening balance, movements with the balance after each, closing balance. Pure.

A balance is what the organisation owes: due on open invoices, less the credit that is kept for the next ones. Below
zero it is in credit. Each currency is an account of its own; they are never added.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.kit.periods import Period, midnight
from app.portal.account_statement.movements import KINDS, Movement

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StatementSpan:
    """The days of a statement, both inclusive, in the organisation's zone."""

    first: date
    last: date
    zone: str

    @property
    def period(self) -> Period:
        """The same as half-open instants."""
        return Period(midnight(self.first, self.zone), midnight(self.last + _DAY, self.zone))


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A movement and the balance after it."""

    movement: Movement
    balance: int


@dataclass(frozen=True, slots=True)
class CurrencyAccount:
    """An account in one currency, in minor units. `sums` has an entry for every kind."""

    currency: str
    opening: int
    rows: Sequence[StatementRow]
    sums: Mapping[str, int]
    closing: int


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """A statement: its days, and an account for each currency with a balance or a movement."""

    span: StatementSpan
    accounts: Sequence[CurrencyAccount]


def compute_statement(
    span: StatementSpan, openings: Mapping[str, int], movements: Iterable[Movement]
) -> AccountStatement:
    """Compute a statement of the movements in its span; `openings` are the balances before it by currency.

    Worked example: 10.00 USD owed, an invoice of 49.00 and a payment of 59.00 in the span: it opens with 1000, the
    balances are 5900 and 0, charges 4900, payments -5900, and it closes with 0.
    """
    by_currency: dict[str, list[Movement]] = defaultdict(list)
    for movement in movements:
        by_currency[movement.currency].append(movement)
    currencies = sorted({currency for currency, opening in openings.items() if opening} | by_currency.keys())
    return AccountStatement(
        span, [_compute_account(currency, openings.get(currency, 0), by_currency[currency]) for currency in currencies]
    )


def _compute_account(currency: str, opening: int, movements: list[Movement]) -> CurrencyAccount:
    rows, balance, sums = [], opening, dict.fromkeys(KINDS, 0)
    for movement in sorted(movements, key=lambda each: each.sort_key):
        balance += movement.amount
        sums[movement.kind] += movement.amount
        rows.append(StatementRow(movement, balance))
    return CurrencyAccount(currency, opening, rows, sums, balance)
