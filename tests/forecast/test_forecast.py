"""Rule 2.12: the forecast of usage at the period's end, with its range and the date at which it meets the limit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import mean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.forecast import Basis, DailyUsage, Forecast, find_typical_error, forecast
from app.forecast.back_test import forecast_days
from app.forecast.days import weigh_weekdays

D = Decimal
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
FIRST = START.date()
DAY = timedelta(days=1)


def days(*amounts: int | str, until: date = FIRST) -> DailyUsage:
    """Days that end the day before `until`."""
    return DailyUsage.before(until, {until - (len(amounts) - i) * DAY: D(amount) for i, amount in enumerate(amounts)})


def ahead(used: int, limit: int | None, past: DailyUsage, now: datetime = START, zone: str = "UTC") -> Forecast | None:
    return forecast(D(used), None if limit is None else D(limit), past, since=START, now=now, end=END, zone=zone)


def test_a_steady_use_goes_on_without_doubt() -> None:
    made = ahead(0, 100, days(*[10] * 7))
    assert made is not None
    assert (made.end.total, made.end.low, made.end.high) == (300, 300, 300)
    assert made.reaches_at == made.earliest == made.latest == START + 10 * DAY
    assert made.basis is Basis.DAYS
    assert len(made.points) == 31


def test_a_forecast_begins_with_what_is_used_now_and_today_counts_for_what_is_left_of_it() -> None:
    noon = START + timedelta(days=9, hours=12)
    made = ahead(95, 100, days(*[10] * 20, until=noon.date()), noon)
    assert made is not None
    assert (made.points[0].at, made.points[0].total) == (noon, 95)
    assert made.points[1].total == 100
    assert made.end.total == 95 + 5 + 20 * 10
    assert made.reaches_at == noon + timedelta(hours=12)


def test_less_than_a_week_of_days_has_a_pace_and_no_range() -> None:
    now = START + 6 * DAY
    made = ahead(60, 100, days(*[10] * 6, until=now.date()), now)
    assert made is not None
    assert (made.basis, made.has_range) == (Basis.PACE, False)
    assert (made.end.total, made.end.low, made.end.high) == (300, None, None)
    assert (made.reaches_at, made.earliest, made.latest) == (START + 10 * DAY, None, None)


def test_the_first_hours_of_the_first_days_say_nothing() -> None:
    assert ahead(60, 100, days(), START + timedelta(hours=5)) is None
    assert ahead(0, 100, days(), START + 3 * DAY) is None
    assert ahead(60, 100, days(*[10] * 30), END) is None


def test_days_before_the_first_use_are_no_history_and_days_after_it_are() -> None:
    past = DailyUsage.before(date(2026, 11, 21), {date(2026, 11, 11): D(5), date(2026, 11, 21): D(9)})
    assert (past.first, len(past.amounts)) == (date(2026, 11, 11), 10)
    assert sum(amount for _, amount in past.known) == 5


def test_eight_weeks_are_looked_back_on() -> None:
    past = DailyUsage.before(date(2026, 11, 21), {date(2026, 11, 20) - i * DAY: D(1) for i in range(100)})
    assert len(past.amounts) == 56


def week(monday_to_friday: int, weekend: int) -> list[int]:
    """A week that begins on a Sunday, as November 2026 does."""
    return [weekend, *[monday_to_friday] * 5, weekend]


def test_weekdays_are_told_apart_after_two_weeks() -> None:
    working = days(*week(100, 0) * 4)
    made = ahead(0, None, working)
    assert made is not None
    assert made.basis is Basis.WEEKDAYS
    by_day = [b.total - a.total for a, b in zip(made.points, made.points[1:], strict=False)]
    assert by_day[0] < 25 < 90 < by_day[1]  # 1 November is a Sunday
    assert weigh_weekdays(days(*week(100, 0), *week(100, 0)[:6])) == [1] * 7


def test_weekday_weights_tell_the_end_of_a_week_from_its_middle() -> None:
    past = days(*week(100, 0) * 6)  # its first Sunday is before the first use
    monday = forecast_days(past.until(35), 5)[0]
    weekend = forecast_days(past.until(40), 2)[0]
    assert monday > 4 * weekend


def test_a_single_odd_day_does_not_lift_every_day() -> None:
    quiet = days(*week(100, 0) * 6)
    odd = days(*week(100, 0) * 5, 60, *week(100, 0)[1:])
    assert forecast_days(odd, 7)[0] < forecast_days(quiet, 7)[0] * D("1.15")


def test_the_range_grows_with_distance_and_never_falls_below_what_is_used() -> None:
    made = ahead(500, 2000, days(*[40, 10, 90, 20, 60, 0, 70] * 4))
    assert made is not None
    widths = [point.high - point.low for point in made.points if point.high is not None and point.low is not None]
    assert widths == sorted(widths)
    assert widths[0] == 0
    assert all(point.low is not None and point.low >= 500 for point in made.points)


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_the_range_is_two_deviations_of_a_sum_of_days_each_of_which_moves_the_level(count: int) -> None:
    first_week = [D(each) for each in (40, 10, 90, 20, 60, 0, 70)]
    moved = sum(((1 + D("0.3") * later) ** 2 for later in range(count)), D(0))
    wanted = 4 * variance(first_week) * (moved + D(count) ** 2 / 7)
    total, spread = forecast_days(days(40, 10, 90, 20, 60, 0, 70), count)
    assert abs(total - count * mean(first_week)) < D("1e-20")
    assert abs(spread**2 - wanted) < D("1e-20")


def test_a_range_of_dates_stands_beside_the_date() -> None:
    made = ahead(0, 600, days(*[40, 10, 90, 20, 60, 0, 70] * 4))
    assert made is not None
    assert made.earliest is not None
    assert made.reaches_at is not None
    assert made.earliest < made.reaches_at
    assert made.latest is None or made.latest > made.reaches_at


def test_the_upper_edge_may_meet_a_limit_that_the_forecast_does_not() -> None:
    made = ahead(0, 1400, days(*[40, 10, 90, 20, 60, 0, 70] * 4))
    assert made is not None
    assert (made.reaches_at, made.latest) == (None, None)
    assert made.earliest is not None


@pytest.mark.parametrize(("zone", "hours"), [("Europe/Berlin", 25), ("UTC", 24)])
def test_a_day_over_a_clock_change_is_one_day(zone: str, hours: int) -> None:
    now = datetime(2026, 10, 24, 22, tzinfo=UTC) if zone != "UTC" else datetime(2026, 10, 25, tzinfo=UTC)
    made = forecast(
        D(0), None, days(*[10] * 7, until=date(2026, 10, 25)), since=now, now=now, end=now + 7 * DAY, zone=zone
    )
    assert made is not None
    assert made.points[1].at - now == timedelta(hours=hours)
    assert made.points[1].total == 10


def test_whole_usage_stays_whole_and_other_usage_keeps_six_places() -> None:
    whole, part = ahead(0, None, days(*[1, 2] * 5)), ahead(0, None, days(*["1.1", "2.3"] * 5))
    assert whole is not None
    assert part is not None
    assert whole.end.total == whole.end.total.to_integral_value()
    assert part.end.total.as_tuple().exponent == -6


def test_days_that_a_limit_held_down_are_not_taken_for_habit() -> None:
    used = {FIRST - (i + 1) * DAY: D(100 if i >= 7 else 0) for i in range(28)}
    held = {FIRST - (i + 1) * DAY for i in range(7)}
    blocked = ahead(0, 1000, DailyUsage.before(FIRST, used))
    known = ahead(0, 1000, DailyUsage.before(FIRST, used, held))
    assert blocked is not None
    assert known is not None
    assert blocked.end.total < 1000 < known.end.total == 3000
    assert known.basis is Basis.WEEKDAYS


def test_a_week_that_a_limit_held_down_says_nothing_about_past_forecasts() -> None:
    used = {FIRST - (i + 1) * DAY: D(10) for i in range(35)}
    assert find_typical_error(DailyUsage.before(FIRST, {**used, FIRST - DAY: D(1)}, {FIRST - DAY})) == 0
    assert find_typical_error(DailyUsage.before(FIRST, used, {FIRST - i * DAY for i in range(1, 29)})) is None


def test_the_typical_error_is_the_median_of_weeks_forecast_from_the_days_before() -> None:
    assert find_typical_error(days(*[10] * 14)) is None
    assert find_typical_error(days(*[10] * 35)) == 0
    assert find_typical_error(days(*[10] * 14, *[20] * 7)) == D("0.5")
    assert find_typical_error(days(*[10] * 7, *[0] * 28)) is None


@given(
    amounts=st.lists(st.decimals(min_value=0, max_value="999999999999999", places=6), min_size=0, max_size=60),
    used=st.decimals(min_value=0, max_value="999999999999999", places=6),
    limit=st.none() | st.decimals(min_value=0, max_value="999999999999999", places=6),
    minutes=st.integers(min_value=0, max_value=30 * 24 * 60 - 1),
)
def test_totals_rise_within_their_range_and_dates_lie_ahead(
    amounts: Sequence[Decimal], used: Decimal, limit: Decimal | None, minutes: int
) -> None:
    now = START + timedelta(minutes=minutes)
    past = DailyUsage.before(now.date(), {now.date() - (i + 1) * DAY: amount for i, amount in enumerate(amounts)})
    made = forecast(used, limit, past, since=START, now=now, end=END, zone="UTC")
    if made is None:
        return
    totals = [point.total for point in made.points]
    assert totals[0] == used
    assert totals == sorted(totals)
    assert made.points[-1].at == END
    if made.has_range:
        assert all(p.low is not None and p.high is not None and used <= p.low <= p.total <= p.high for p in made.points)
    met = [at for at in (made.earliest, made.reaches_at, made.latest) if at is not None]
    assert met == sorted(met)
    assert all(now <= at < END for at in met)
    assert limit is None or used < limit or not met
