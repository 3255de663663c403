"""The geometry of a running total: what is drawn where, and what its words avoid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.web.charts import ChartTotal, RunningChart, draw_running_chart

D = Decimal
START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def draw(
    past: list[int], ahead: list[tuple[int, int | None, int | None]] = [], *, limit: int | None = None,  # noqa: B006
    met: int | None = None,
) -> RunningChart:  # fmt: skip
    """Ten days: one total a day, then one expectation a day."""
    totals = [ChartTotal(START + i * DAY, D(total)) for i, total in enumerate(past)]
    last = len(past) - 1
    expected = [
        ChartTotal(START + (last + i) * DAY, D(total), *(None if edge is None else D(edge) for edge in edges))
        for i, (total, *edges) in enumerate(ahead)
    ]
    return draw_running_chart(
        totals, expected, end=START + 10 * DAY, limit=None if limit is None else (D(limit), f"Limit {limit}"),
        meeting=None if met is None else (START + met * DAY, "Tuesday"), labels=[(START, "1 Nov")],
        rows=[["Now", D(past[-1])]],
    )  # fmt: skip


def test_the_line_runs_from_the_start_to_now_and_its_ground_is_shaded() -> None:
    chart = draw([0, 50, 100])
    assert chart.past == "0.00,100.00 10.00,50.00 20.00,0.00"
    assert chart.area == "0.00,100 0.00,100.00 10.00,50.00 20.00,0.00 20.00,100"
    assert (chart.ahead, chart.range, chart.limit, chart.meeting) == (None, None, None, None)
    assert (chart.today.x, chart.today.text) == (20, "Today")
    assert chart.table_head == ["By the end of", "Used"]
    assert [name for name, _ in chart.legend] == ["used"]


def test_the_forecast_goes_on_where_the_line_ends_within_its_range() -> None:
    chart = draw([0, 100], [(100, 100, 100), (150, 120, 200)])
    assert chart.ahead == "10.00,50.00 20.00,25.00"
    assert chart.range == "10.00,50.00 20.00,0.00 20.00,40.00 10.00,50.00"
    assert chart.table_head == ["By the end of", "Used", "Forecast", "At least", "At most"]


def test_a_forecast_without_a_range_claims_none() -> None:
    chart = draw([0, 100], [(100, None, None), (200, None, None)])
    assert chart.range is None
    assert chart.table_head == ["By the end of", "Used", "Forecast"]


def test_a_limit_far_above_is_on_the_plot_and_a_range_far_above_is_cut_off() -> None:
    assert draw([0, 10], limit=1000).ticks[-1].label == "1,000"
    assert draw([0, 10], [(10, 10, 10), (20, 10, 5000)]).ticks[-1].label == "40"
    assert draw([0, 10], [(10, 10, 10), (20, 10, 5000)]).range == "10.00,75.00 20.00,0.00 20.00,75.00 10.00,75.00"


def test_words_keep_out_of_each_others_way() -> None:
    early = draw([0, 60], [(60, None, None), (120, None, None)], limit=100, met=2)
    assert early.limit is not None
    assert early.meeting is not None
    assert (early.limit.anchor, early.meeting.anchor, early.meeting.below) == ("end", "start", True)
    late = draw([0, 60], [(60, None, None), (120, None, None)], limit=100, met=9)
    assert late.limit is not None
    assert late.meeting is not None
    assert (late.limit.anchor, late.meeting.anchor, late.meeting.below) == ("start", "end", False)
    passed = draw([0, 200], limit=100).limit
    assert passed is not None
    assert passed.anchor == "end"
    at_the_top = draw([0, 10], limit=100).limit
    assert at_the_top is not None
    assert at_the_top.below


def test_nothing_used_is_a_flat_line() -> None:
    assert draw([0, 0, 0]).past == "0.00,100.00 10.00,100.00 20.00,100.00"
