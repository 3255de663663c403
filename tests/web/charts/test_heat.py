"""A heat map is a table: its rows and columns add up, and each cell says its figure."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web import charts

D = Decimal
figures = st.decimals(min_value=0, max_value=10**9, places=2)


@given(st.lists(st.lists(figures, min_size=3, max_size=3), min_size=1, max_size=7))
def test_rows_and_columns_add_up_to_the_total(rows: list[list[Decimal]]) -> None:
    found = charts.draw_heat_map([(str(i), row) for i, row in enumerate(rows)], ["a", "b", "c"], "calls")
    assert sum(row.total.value for row in found.rows) == found.total.value == sum(cell.value for cell in found.foot)
    assert all(0 <= cell.level <= 5 for row in found.rows for cell in row.cells)


def test_the_largest_is_darkest_none_is_blank_and_little_is_not_none() -> None:
    found = charts.draw_heat_map([("Monday", [D(0), D(1), D(1000)])], ["00", "01", "02"], "calls")
    assert [cell.level for cell in found.rows[0].cells] == [0, 1, 5]
    assert found.rows[0].cells[2].title == "Monday, 02: 1,000 calls"


def test_nothing_used_is_blank() -> None:
    found = charts.draw_heat_map([("Monday", [D(0)])], ["00"], "calls")
    assert found.total.value == 0
    assert found.rows[0].cells[0].level == 0


@pytest.mark.parametrize(
    ("value", "words"),
    [("0", "–"), ("7.5", "7.5"), ("999", "999"), ("1234", "1.2K"), ("123456", "123K"), ("12e6", "12M")],
)
def test_a_cell_has_few_digits(value: str, words: str) -> None:
    assert charts.draw_heat_map([("a", [D(value)])], ["00"], "calls").rows[0].cells[0].short == words
