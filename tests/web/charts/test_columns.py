"""Stacked columns: parts that add up, the period before behind them, a limit, and what a press on a column opens."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.web import charts
from app.web.charts import ColumnPart

D = Decimal
figures = st.decimals(min_value=0, max_value=10**12, places=3)


@given(st.lists(st.tuples(figures, figures, figures), min_size=1, max_size=40))
def test_parts_stack_without_gap_and_the_table_has_the_figures(rows: list[tuple[Decimal, Decimal, Decimal]]) -> None:
    labels = [str(i) for i in range(len(rows))]
    parts = [ColumnPart(name, [row[i] for row in rows], str(i + 1)) for i, name in enumerate("abc")]
    chart = charts.draw_columns(labels, parts)
    for i, row in enumerate(rows):
        shapes = [layer.bars[i] for layer in chart.layers]
        drawn = [shape for shape in shapes if shape.height]
        assert sum(shape.height for shape in drawn) <= D("100.03")
        for lower, upper in pairwise(drawn):
            assert abs(upper.y + upper.height - lower.y) <= D("0.02")
        assert chart.table[i] == [labels[i], *row, sum(row)]
    assert chart.table_head == ["Day", "a", "b", "c", "Total"]


def test_one_part_has_neither_legend_nor_a_column_of_totals() -> None:
    chart = charts.draw_columns(["1 Nov"], [ColumnPart("calls", [D(7)], "1")])
    assert chart.entries == []
    assert chart.table == [["1 Nov", D(7)]]
    assert chart.areas[0].title == "1 Nov: 7 calls"


def test_a_column_says_its_parts_and_what_was_before_and_opens_its_day() -> None:
    parts = [ColumnPart("scan", [D(5)], "1", "/usage?kind=scan"), ColumnPart("No kind", [D(2)], "none")]
    chart = charts.draw_columns(["1 Nov"], parts, ghost=("Before", [D(9)]), hrefs=["/usage?from=2026-11-01"])
    assert chart.areas[0].title == "1 Nov: 7 (scan 5, No kind 2). Before: 9"
    assert chart.areas[0].href == "/usage?from=2026-11-01"
    assert chart.table_head == ["Day", "scan", "No kind", "Total", "Before"]
    assert chart.table == [["1 Nov", D(5), D(2), D(7), D(9)]]
    assert [(entry.tone, entry.name, entry.href) for entry in chart.entries] == [
        ("1", "scan", "/usage?kind=scan"), ("none", "No kind", None), ("ghost", "Before", None),
    ]  # fmt: skip


def test_the_scale_holds_the_period_before_and_the_limit() -> None:
    chart = charts.draw_columns(
        ["1"], [ColumnPart("a", [D(60)], "1")], ghost=("Before", [D(90)]), limit=(D(100), "Limit")
    )
    assert chart.ticks[-1].y == 0
    assert chart.ghost[0].height == 90
    assert chart.limit is not None
    assert chart.limit.y == 0
    assert chart.limit.below


def test_a_limit_far_above_the_columns_is_not_drawn() -> None:
    chart = charts.draw_columns(["1"], [ColumnPart("a", [D(6)], "1")], limit=(D(1000), "Limit"))
    assert chart.limit is None
    assert chart.ticks[-1].label == "6"


def test_what_is_taken_back_is_in_the_table_and_not_drawn_below_the_axis() -> None:
    chart = charts.draw_columns(["1"], [ColumnPart("a", [D(-3)], "1"), ColumnPart("b", [D(10)], "2")])
    assert chart.table == [["1", D(-3), D(10), D(7)]]
    assert [layer.bars[0].height for layer in chart.layers] == [0, 100]
