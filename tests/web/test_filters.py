"""What people read as money, quantities and times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from markupsafe import Markup

from app.web import filters

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [(4900, "USD", "$49.00"), (4900, "JPY", "¥4,900"), (4900, "KWD", "KWD\u00a04.900"), (-1250, "EUR", "-€12.50"),
     (10**15, "USD", "$10,000,000,000,000.00"), (-4900, "KWD", "-KWD\u00a04.900"), (4900, "CHF", "CHF\u00a049.00"),
     (4900, "CAD", "CA$49.00"), (4900, "IQD", "IQD\u00a04.900")],
)  # fmt: skip
def test_money_has_the_places_of_its_currency(minor: int, currency: str, words: str) -> None:
    assert filters.money(minor, currency) == words


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [("49", "USD", "$49"), ("49.5", "USD", "$49.50"), ("7400", "JPY", "¥7,400"), ("15.000", "KWD", "KWD\u00a015"),
     ("3.005", "KWD", "KWD\u00a03.005")],
)  # fmt: skip
def test_a_price_is_without_decimals_that_are_all_zero(amount: str, currency: str, words: str) -> None:
    assert filters.round_money(Decimal(amount), currency) == words


def test_money_follows_the_locale() -> None:
    assert filters.money(123456, "EUR", "de") == "1.234,56\u00a0€"


@pytest.mark.parametrize(
    ("amount", "words"),
    [("0.001", "€0.0010"), ("0.01", "€0.0100"), ("1.2345", "€1.2345"), ("0.00000012", "€0.00000012"),
     ("0.000000000001", "€0.000000000001")],
)  # fmt: skip
def test_unit_price_keeps_every_decimal_and_shows_at_least_four(amount: str, words: str) -> None:
    assert filters.unit_price(Decimal(amount), "EUR") == words


def test_unit_price_shows_as_few_places_as_asked_but_never_fewer_than_it_has() -> None:
    assert filters.unit_price(Decimal("0.01"), "USD", places=2) == "$0.01"
    assert filters.unit_price(Decimal("0.005"), "USD", places=2) == "$0.005"


def test_asking_for_a_unit_price_leaves_other_money_as_it_was() -> None:
    filters.unit_price(Decimal("0.001"), "USD")
    assert filters.money(100, "USD") == "$1.00"


@pytest.mark.parametrize(
    ("value", "words"),
    [(Decimal("985.500000"), "985.5"), (1234567, "1,234,567"), (Decimal(0), "0"), (Decimal(-3), "-3"),
     (Decimal("999999999999999.999999"), "999,999,999,999,999.999999"), (Decimal("1E+3"), "1,000"),
     (Decimal("-0.000000"), "0"), (Decimal("1200.0"), "1,200"), (Decimal("0.000001"), "0.000001")],
)  # fmt: skip
def test_quantity_is_exact(value: Decimal | int, words: str) -> None:
    assert filters.quantity(value) == words


def test_compact_keeps_the_exact_value_in_reach() -> None:
    assert filters.compact(12345678) == Markup('<span title="12,345,678">12.3M</span>')
    assert filters.compact(9999) == "9,999"


def test_percent_does_not_break_over_lines() -> None:
    assert filters.percent(112) == "112\u00a0%"
    assert filters.percent(Decimal("82.54")) == "82.5\u00a0%"


def test_when_shows_the_zone_and_carries_the_instant() -> None:
    reset = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
    shown = filters.when(reset, "Europe/Berlin")
    assert shown == '<time datetime="2026-11-30T23:00:00Z">1\u00a0Dec\u00a02026, 00:00 Europe/Berlin</time>'


def test_when_is_right_on_both_sides_of_a_clock_change_and_far_east() -> None:
    before, after = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert "02:30" in filters.when(before, "Europe/Berlin")
    assert "02:30" in filters.when(after, "Europe/Berlin")
    assert "22\u00a0Nov\u00a02026, 01:00" in filters.when(NOW, "Pacific/Tongatapu")


def test_day_is_the_day_in_the_zone() -> None:
    late = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
    assert filters.day(late, "Europe/Berlin") == '<time datetime="2026-12-01">1\u00a0Dec\u00a02026</time>'
    assert filters.day(date(2026, 11, 30), plain=True) == "30 November 2026"


def test_clock_names_its_zone() -> None:
    assert filters.clock(NOW, "Europe/Berlin") == "13:00\u00a0Europe/Berlin"


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (timedelta(days=9), "in 9 days"),
        (timedelta(seconds=-12), "12 seconds ago"),
        (timedelta(hours=-3), "3 hours ago"),
    ],
)
def test_relative_says_which_way(ahead: timedelta, words: str) -> None:
    assert f">{words}</time>" in filters.relative(NOW + ahead, NOW)
