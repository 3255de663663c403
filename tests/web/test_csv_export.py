"""A CSV that a spreadsheet opens can run nothing (CWE-1236)."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.web.csv_export import Money, cell, lines


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "|calc", "＝1"])
def test_text_that_a_spreadsheet_would_compute_gets_an_apostrophe(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a;=1", "a;'=1"),
        ("a; +1", "a; '+1"),
        ('x";@SUM(1)', "x\";'@SUM(1)"),
        ("a\t-1", "a\t'-1"),
        ("a;b=1;2-1", "a;b=1;2-1"),
    ],
)
def test_text_behind_a_semicolon_is_no_formula_either(text: str, written: str) -> None:
    assert cell(text) == written


def test_money_has_the_places_of_its_currency_and_no_apostrophe_below_zero() -> None:
    """A program reads it: "'-3.00" would be text, "47.2" an amount of another precision."""
    assert [cell(Money(*each)) for each in ((-300, "USD"), (4_720, "USD"), (-7, "JPY"), (1_500, "KWD"))] == [
        "-3.00", "47.20", "-7", "1.500",
    ]  # fmt: skip


def test_numbers_and_times_stay_what_they_are() -> None:
    assert cell(Decimal("-12.50")) == "-12.5"
    assert cell(-3) == "-3"
    assert cell(date(2026, 11, 1)) == "2026-11-01"
    assert cell(datetime(2026, 11, 1, 12, tzinfo=UTC)) == "2026-11-01T12:00:00+00:00"
    assert cell(None) == ""


def test_quotes_commas_and_line_breaks_come_back_as_they_went() -> None:
    words = ['a "b", c', "two\nlines", "ünï ✓"]
    read = list(csv.reader(io.StringIO("".join(lines(["a", "b", "c"], [words])), newline="")))
    assert read == [["a", "b", "c"], words]


def test_a_line_leaves_before_the_next_is_made() -> None:
    made = lines(["n"], ([number] for number in iter(int, 1)))  # without end
    assert [next(made), next(made)] == ["n\r\n", "0\r\n"]
