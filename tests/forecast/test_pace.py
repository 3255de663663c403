"""Rule 2.12: a forecast is stated simply and is a pure function of what was used and of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.forecast.pace import LEAST_ELAPSED, project

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
D = Decimal


def test_the_pace_so_far_is_kept_to_the_end() -> None:
    made = project(D(600), D(1000), since=START, end=END, now=START + timedelta(days=10))
    assert made is not None
    assert made.used == 1800
    assert made.reaches_at == START + timedelta(days=16, hours=16)


def test_the_first_hours_say_nothing() -> None:
    assert project(D(600), None, since=START, end=END, now=START + LEAST_ELAPSED - timedelta(seconds=1)) is None
    assert project(D(600), None, since=START, end=END, now=START + LEAST_ELAPSED) is not None


def test_no_use_has_no_pace() -> None:
    assert project(D(0), D(10), since=START, end=END, now=START + timedelta(days=3)) is None


def test_a_limit_met_already_has_no_date_ahead() -> None:
    made = project(D(1000), D(1000), since=START, end=END, now=START + timedelta(days=10))
    assert made is not None
    assert made.reaches_at is None


def test_a_limit_beyond_the_period_has_no_date() -> None:
    made = project(D(10), D(1000), since=START, end=END, now=START + timedelta(days=10))
    assert made is not None
    assert made.reaches_at is None


def test_whole_use_is_projected_in_whole_units_and_other_use_to_six_places() -> None:
    third = START + timedelta(days=9)
    whole = project(D(100), None, since=START, end=END, now=third)
    part = project(D("100.5"), None, since=START, end=END, now=third)
    assert whole is not None
    assert part is not None
    assert whole.used == 333
    assert part.used == D(335)


@given(
    used=st.decimals(min_value="0.000001", max_value="999999999999999", places=6),
    limit=st.decimals(min_value=0, max_value="999999999999999", places=6),
    minutes=st.integers(min_value=1, max_value=60 * 24 * 40),
)
def test_a_projection_never_falls_below_what_was_used_and_its_date_lies_ahead(
    used: Decimal, limit: Decimal, minutes: int
) -> None:
    now = START + timedelta(minutes=minutes)
    made = project(used, limit, since=START, end=END, now=now)
    if made is not None:
        assert made.used >= used
        if made.reaches_at is not None:
            assert now <= made.reaches_at + timedelta(seconds=1)
            assert made.reaches_at < END
