"""The geometry of charts: what is drawn stands for the figures."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web import charts

figures = st.decimals(min_value=0, max_value=10**15, places=6)


@pytest.mark.parametrize(
    ("top", "marks"),
    [("8200", [0, 2500, 5000, 7500, 10000]), ("0", [0, 1]), ("3", [0, 1, 2, 3]), ("77", [0, 20, 40, 60, 80])],
)
def test_scale_has_round_marks(top: str, marks: list[int]) -> None:
    assert charts.nice_scale(Decimal(top)) == marks


@given(figures)
def test_scale_reaches_the_top_in_at_most_five_marks(top: Decimal) -> None:
    scale = charts.nice_scale(top)
    assert scale[-1] >= top
    assert 2 <= len(scale) <= 6


@given(st.lists(st.tuples(figures, figures), min_size=1, max_size=60))
def test_bars_stay_in_the_plot_and_stack_without_gap(pairs: list[tuple[Decimal, Decimal]]) -> None:
    labels = [str(i) for i in range(len(pairs))]
    series = [charts.Series("a", [a for a, _ in pairs]), charts.Series("b", [b for _, b in pairs], 2)]
    chart = charts.bars(labels, series)
    for bar in chart.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= Decimal("100.01")
        assert Decimal("-0.01") <= bar.y <= 100
    assert [row[1:] for row in chart.table] == [[a, b] for a, b in pairs]


def test_a_figure_is_said_beside_its_bar() -> None:
    chart = charts.bars(["1 Nov"], [charts.Series("minutes", [Decimal("1234.5")])])
    assert chart.bars[0].title == "1 Nov: 1,234.5 minutes"


def test_nothing_used_draws_nothing_and_still_has_a_scale() -> None:
    chart = charts.bars(["1 Nov", "2 Nov"], [charts.Series("minutes", [Decimal(0), Decimal(0)])])
    assert chart.bars == []
    assert [tick.label for tick in chart.ticks] == ["0", "1"]


def test_no_days_at_all_is_an_empty_chart() -> None:
    assert charts.bars([], []).bars == []
    assert charts.lines([], [charts.Series("minutes", [])]).lines[0].points == ""


def test_a_single_bar_is_no_wider_than_others_and_stands_in_the_middle() -> None:
    bar = charts.bars(["1 Nov"], [charts.Series("a", [Decimal(1)])]).bars[0]
    assert bar.width == charts.WIDEST
    assert bar.x + bar.width / 2 == 50


def test_labels_are_thinned_to_what_fits() -> None:
    chart = charts.bars([str(i) for i in range(31)], [charts.Series("a", [Decimal(1)] * 31)])
    assert len(chart.labels) <= charts.MAX_LABELS
    assert any(label.minor for label in chart.labels)


def test_line_ends_in_the_middle_of_the_last_slot() -> None:
    chart = charts.lines(["a", "b"], [charts.Series("x", [Decimal(0), Decimal(10)])], area=True)
    assert chart.lines[0].points == "25.00,100.00 75.00,0.00"
    assert chart.lines[0].area == "25.00,100 25.00,100.00 75.00,0.00 75.00,100"


def test_a_waterfall_goes_from_level_to_level() -> None:
    """Each column begins where the one before ended, and the last level stands on the ground."""
    steps = [
        charts.WaterfallStep("Start", Decimal(100), "$100", total=True),
        charts.WaterfallStep("New", Decimal(60), "+$60", 2),
        charts.WaterfallStep("Nothing", Decimal(0), "–", 2),
        charts.WaterfallStep("Churn", Decimal(-40), "−$40", 3),
        charts.WaterfallStep("End", Decimal(120), "$120", total=True),
    ]
    chart = charts.waterfall(steps)
    assert [bar.title for bar in chart.bars] == ["Start: $100", "New: +$60", "Churn: −$40", "End: $120"]
    assert [(bar.y, bar.height) for bar in chart.bars] == [(50, 50), (20, 30), (20, 20), (40, 60)]
    assert [label.text for label in chart.labels] == ["Start", "New", "Nothing", "Churn", "End"]


def test_a_waterfall_of_nothing_draws_nothing() -> None:
    assert charts.waterfall([charts.WaterfallStep("Start", Decimal(0), "$0", total=True)]).bars == []
