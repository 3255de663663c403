"""What a statement adds up to, over any history: pure, by Hypothesis."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.errors import InvalidRequest
from app.portal.account_statement.account import StatementSpan, compute_statement
from app.portal.account_statement.export import iterate_file_rows
from app.portal.account_statement.movements import EVENTS, KINDS, Movement
from app.portal.account_statement.requests import build_span, parse_span
from app.web import csv_export

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 60
movements = st.builds(
    Movement,
    at=st.integers(0, DAYS * 86_400 - 1).map(lambda seconds: START + timedelta(seconds=seconds)),
    event=st.sampled_from(EVENTS),
    amount=st.integers(-(10**12), 10**12).filter(bool),
    currency=st.sampled_from(["USD", "JPY"]),
    document=st.sampled_from([None, "TK-1"]),
    invoice=st.just(None),
    detail=st.sampled_from([None, "visa 4242", "link"]),
    source=st.text("abc", min_size=1, max_size=4),
)
histories = st.lists(movements, max_size=40)
zones = st.sampled_from(["UTC", "Asia/Kathmandu", "America/Havana", "Pacific/Auckland"])


def balance_at(history: list[Movement], at: datetime) -> Counter[str]:
    balance: Counter[str] = Counter()
    for moved in history:
        if moved.at < at:
            balance[moved.currency] += moved.amount
    return balance


def state(history: list[Movement], first: int, last: int, zone: str) -> dict[str, tuple[int, int]]:
    """Opening and closing balance of the days, having checked all that is between."""
    span = StatementSpan(date(2026, 1, 1) + timedelta(days=first), date(2026, 1, 1) + timedelta(days=last), zone)
    within = [moved for moved in history if moved.at in span.period]
    statement = compute_statement(span, balance_at(history, span.period.start), within)
    for account in statement.accounts:
        balance = account.opening
        for row in account.rows:
            assert row.movement.currency == account.currency
            balance += row.movement.amount
            assert row.balance == balance
        assert account.opening + sum(account.sums.values()) == balance == account.closing
        assert account.sums.keys() == KINDS.keys()
        assert [row.movement.at for row in account.rows] == sorted(row.movement.at for row in account.rows)
    assert sum(len(account.rows) for account in statement.accounts) == len(within)
    return {account.currency: (account.opening, account.closing) for account in statement.accounts}


@given(histories, st.integers(-2, DAYS + 2), st.integers(0, 20), st.integers(0, 20), zones)
def test_it_adds_up_and_each_span_opens_with_what_the_one_before_closed(
    history: list[Movement], first: int, days: int, more: int, zone: str
) -> None:
    earlier = state(history, first, first + days, zone)
    later = state(history, first + days + 1, first + days + 1 + more, zone)
    whole = state(history, first, first + days + 1 + more, zone)
    for currency in ("USD", "JPY"):
        closed, opened = earlier.get(currency, (0, 0))[1], later.get(currency, (0, 0))[0]
        assert closed == opened
        begins, ends = whole.get(currency, (0, 0))
        assert begins == earlier.get(currency, (0, 0))[0]
        assert ends == later.get(currency, (0, opened))[1]


@given(histories)
def test_every_movement_has_words_and_the_file_adds_up(history: list[Movement]) -> None:
    span = StatementSpan(date(2026, 1, 1), date(2026, 3, 31), "UTC")
    statement = compute_statement(span, {}, history)
    rows = list(iterate_file_rows(statement))
    assert len(rows) == len(history) + 2 * len(statement.accounts)
    assert all(row.movement.words for account in statement.accounts for row in account.rows)
    for account in statement.accounts:
        places = {"USD": 100, "JPY": 1}[account.currency]
        mine = [row for row in rows if row[7] == account.currency]
        amounts = [Decimal(csv_export.cell(row[5])) * places for row in mine if row[5] is not None]
        assert sum(amounts) == account.closing
    for row in rows:  # no number becomes text, and no text a formula
        assert not csv_export.cell(row[5]).startswith("'")


TOO_LONG = "The first day must be at most 24 months before the last day."
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("2025-11-22", "2026-11-21")),
        ({"from": "2026-02-01"}, ("2026-02-01", "2026-11-21")),
        ({"to": "2026-02-28"}, ("2025-03-01", "2026-02-28")),
        ({"to": "2024-02-29"}, ("2023-03-01", "2024-02-29")),
        ({"from": "2027-01-01"}, ("2027-01-01", "2027-01-01")),
        ({"from": "2024-11-22", "to": "2026-11-21"}, ("2024-11-22", "2026-11-21")),
        ({"from": "2026-11-21", "to": "2026-11-21"}, ("2026-11-21", "2026-11-21")),
    ],
    ids=str,
)
def test_days_are_the_last_twelve_months_unless_they_are_given(
    given: dict[str, str], expected: tuple[str, str]
) -> None:
    span = parse_span(given, "UTC", NOON)
    assert (span.first.isoformat(), span.last.isoformat()) == expected


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"from": "2026-11-02", "to": "2026-11-01"}, "to", "The last day must not be before the first day."),
        ({"from": "2024-11-21", "to": "2026-11-21"}, "from", TOO_LONG),
        ({"from": "soon"}, "from", "The first day must be a date, such as 2026-11-01."),
        ({"to": "2026-02-30"}, "to", "The last day must be a date, such as 2026-11-01."),
        ({"to": "9999-01-01", "from": "9998-01-01"}, "from", "The first day must be from 2000 to 2199."),
        ({"to": "1999-12-31"}, "to", "The last day must be from 2000 to 2199."),
        ({"to": "0001-01-01"}, "to", "The last day must be from 2000 to 2199."),
        ({"from": "2200-01-01"}, "from", "The first day must be from 2000 to 2199."),
    ],
    ids=str,
)  # fmt: skip
def test_days_that_make_no_statement_are_refused_with_the_reason(given: dict[str, str], field: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_span(given, "UTC", NOON)
    assert refused.value.detail == words
    assert [error.field for error in refused.value.errors] == [field]


def test_today_is_the_org_s_own_day() -> None:
    assert build_span(None, None, "Pacific/Auckland", NOON).last == date(2026, 11, 22)
