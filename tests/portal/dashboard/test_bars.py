"""Each meter's card: its bar, the fullest window's, and the last 30 days."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from app.portal.dashboard.bars import build_bars
from app.portal.dashboard.view_models import MeterBar
from app.statements.windows import Window
from tests.portal.outlook_specimens import BLOCK, TODAY, USAGES, dashboard, days, meter, stand
from tests.portal.specimens import END
from tests.web.stage import page, stage

D = Decimal
MIDNIGHT = datetime(2026, 11, 21, 23, tzinfo=END.tzinfo)


def bar(kind: str) -> MeterBar:
    with stage().app_context():
        return build_bars(USAGES[kind]())[0]


def window(span: str, limit: int, used: int) -> Window:
    return Window(span, D(limit), D(used), MIDNIGHT)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("meets-limit", "Full around Wednesday 22:00, between Wednesday 13:00 and Thursday 09:00."),
        ("fine", "About 5,655 expected, 5,420 to 5,890."),
        ("little-history", "About 7,"),
        ("first-hours", None),
        ("over-limit", None),
        ("no-usage", None),
    ],
)
def test_what_is_expected_stands_beside_the_bar_with_its_range(kind: str, words: str | None) -> None:
    said = bar(kind).forecast
    assert said == words if words is None else said is not None and said.startswith(words)


def test_the_fullest_window_has_a_bar_of_its_own_and_the_periods_keeps_its_state() -> None:
    windows = (window("day", 500, 410), window("hour", 100, 90), window("minute", 10, 1))
    with stage().app_context():
        made = build_bars(stand(meter(BLOCK, days(56, 250, 40, 100), windows=windows)))[0]
    assert made.window is not None
    assert (made.window.percent, made.window.state) == (90, "high")
    assert made.window.words.startswith("90 of 100 API calls used this hour, 90 percent, resets 22 Nov, 00:00")
    assert (made.state, made.bar_state) == ("high", "ok")


def test_without_a_window_there_is_no_second_bar() -> None:
    assert bar("charge").window is None


@pytest.mark.parametrize("kind", ["fine", "unlimited", "over-limit", "free"])
def test_thirty_days_are_drawn_also_where_nothing_limits_a_meter(kind: str) -> None:
    spark = bar(kind).spark
    assert spark is not None
    assert spark.days == 30
    assert "API calls by day, last 30 days: at most" in spark.words
    assert spark.words.endswith(" today")


def test_a_day_without_use_has_no_column_and_little_use_has_one() -> None:
    with stage().app_context():
        spark = build_bars(stand(meter(BLOCK, {TODAY: D(1), TODAY - timedelta(days=1): D(9999)})))[0].spark
    assert spark is not None
    assert spark.path == "M28 10v-10.0h.7V10zM29 10v-0.4h.7V10z"
    assert bar("no-usage").spark is None


def test_the_card_shows_both_bars_and_the_days() -> None:
    html = page("dashboard/dashboard.html", view=dashboard("fine"))
    card = html[html.index('id="meter-calls"') : html.index('id="meter-tokens"')]
    assert '<svg class="bar is-ok"' in card
    assert '<svg class="bar is-window is-near"' in card
    assert card.count("<meter ") == 2
    assert '<figure class="spark">' in card
