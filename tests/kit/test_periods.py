from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.kit.periods import MONTH, YEAR, Period, anchored, boundary, midnight, month_of, share_of_month

ZONES = [
    "UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Australia/Lord_Howe", "America/New_York", "Europe/Berlin",
    "Asia/Kathmandu", "America/Havana", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "America/Asuncion",
]  # fmt: skip
zones = st.sampled_from(ZONES)
NAIVE = datetime(2005, 1, 2)  # noqa: DTZ001  # what Hypothesis wants as a bound, and what periods refuse
instants = st.datetimes(NAIVE, NAIVE.replace(year=2037), timezones=st.just(UTC))
steps = st.sampled_from([MONTH, YEAR])
INSTANT = timedelta(microseconds=1)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text, zone):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("anchor", "months", "starts"),
    [
        ("2026-01-31", MONTH, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("2028-01-31", MONTH, ["2028-01-31", "2028-02-29", "2028-03-31"]),
        ("2026-11-30", MONTH, ["2026-11-30", "2026-12-30", "2027-01-30", "2027-02-28", "2027-03-30"]),
        ("2024-02-29", YEAR, ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("2024-02-29", MONTH, ["2024-02-29", "2024-03-29", "2024-04-29"]),
    ],
)
def test_anchors_clamp_to_the_end_of_the_month_without_drift(anchor, months, starts):
    at, seen = utc(anchor), []
    for _ in starts:
        period = anchored(utc(anchor), at, "UTC", months)
        seen.append(period.start.date().isoformat())
        at = period.end
    assert seen == starts


def test_a_series_runs_backward_from_its_anchor_too():
    period = anchored(utc("2026-03-31"), utc("2026-02-10"), "UTC")
    assert period == Period(utc("2026-01-31"), utc("2026-02-28"))
    assert anchored(utc("2026-03-31"), period.start - INSTANT, "UTC") == Period(utc("2025-12-31"), period.start)


def test_boundaries_keep_the_local_time_over_daylight_saving():
    anchor = local("2026-02-15T09:00", "Europe/Berlin")
    assert boundary(anchor, 1, "Europe/Berlin") == utc("2026-03-15T08:00")
    assert boundary(anchor, 2, "Europe/Berlin") == utc("2026-04-15T07:00")


def test_a_boundary_in_the_hour_that_daylight_saving_skips_comes_after_the_gap():
    anchor = local("2026-02-08T02:30", "America/New_York")
    assert boundary(anchor, 1, "America/New_York") == utc("2026-03-08T07:30")
    assert boundary(anchor, 2, "America/New_York") == local("2026-04-08T02:30", "America/New_York")


def test_a_boundary_in_the_hour_that_comes_twice_is_the_first_but_an_anchor_stays_what_it_was():
    second = utc("2026-11-01T06:30")
    assert boundary(second, 0, "America/New_York") == second
    assert boundary(local("2026-10-01T01:30", "America/New_York"), 1, "America/New_York") == utc("2026-11-01T05:30")


@pytest.mark.parametrize(
    ("zone", "at", "start", "end"),
    [
        ("UTC", "2026-11-21T12:00", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("Pacific/Kiritimati", "2026-10-31T10:00", "2026-10-31T10:00", "2026-11-30T10:00"),
        ("Etc/GMT+12", "2026-11-01T11:59", "2026-10-01T12:00", "2026-11-01T12:00"),
        ("Australia/Lord_Howe", "2026-04-10T00:00", "2026-03-31T13:00", "2026-04-30T13:30"),
        ("America/Havana", "2026-11-01T04:30", "2026-11-01T04:00", "2026-12-01T05:00"),
        ("America/St_Johns", "2009-11-01T03:00", "2009-11-01T02:30", "2009-12-01T03:30"),
    ],
)
def test_calendar_months_begin_at_the_first_local_midnight(zone, at, start, end):
    assert month_of(utc(at), zone) == Period(utc(start), utc(end))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/Havana", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-10-03", 24),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Pacific/Apia", "2011-12-30", 0),
    ],
)
def test_a_day_from_midnight_to_midnight_is_as_long_as_the_clocks_make_it(zone, day, hours):
    start = date.fromisoformat(day)
    assert midnight(start + timedelta(days=1), zone) - midnight(start, zone) == timedelta(hours=hours)


@given(instants, instants, zones, steps)
@example(utc("2009-10-01T02:30:30"), utc("2009-11-01T02:45"), "America/St_Johns", MONTH)
@example(utc("2020-02-29T10:00"), utc("2024-02-29T10:00"), "Pacific/Kiritimati", YEAR)
@settings(max_examples=400, deadline=None)
def test_periods_tile_time_with_no_gap_and_no_overlap(anchor, at, zone, months):
    period = anchored(anchor, at, zone, months)
    after, before = (anchored(anchor, edge, zone, months) for edge in (period.end, period.start - INSTANT))
    assert at in period
    assert (before.end, period.end) == (period.start, after.start)
    assert {anchored(anchor, edge, zone, months) for edge in (period.start, period.end - INSTANT)} == {period}
    assert 27 * months < period.seconds / 86400 < 32 * months


@given(instants, zones)
@example(utc("2009-11-01T03:00"), "America/St_Johns")
@example(utc("2009-11-01T02:45"), "America/St_Johns")
@settings(max_examples=400, deadline=None)
def test_calendar_months_tile_time(at, zone):
    period = month_of(at, zone)
    assert at in period
    assert month_of(period.end, zone).start == period.end
    assert month_of(period.start - INSTANT, zone).end == period.start


@given(instants, zones, st.integers(-400, 400))
@settings(max_examples=300, deadline=None)
def test_boundaries_grow_and_stay_within_the_day_of_their_anchor(anchor, zone, n):
    if not 1900 < anchor.year + n // 12 < 2100:
        return
    assert boundary(anchor, n, zone) < boundary(anchor, n + 1, zone)
    assert boundary(anchor, n, zone).astimezone(ZoneInfo(zone)).day <= anchor.astimezone(ZoneInfo(zone)).day + 1


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (utc("2026-01-02"), utc("2026-01-01")),
        (utc("2026-01-01"), utc("2026-01-01")),
        (NAIVE, utc("2026-02-01")),
    ],
)
def test_a_period_that_is_empty_turned_round_or_naive_cannot_be_made(start, end):
    with pytest.raises(ValueError, match="a period"):
        Period(start, end)


def test_a_naive_anchor_is_refused():
    with pytest.raises(ValueError, match="aware"):
        boundary(NAIVE, 1, "UTC")


@given(instants, instants, zones, zones)
def test_a_month_of_any_anchor_is_a_whole_one_in_any_zone(anchor, at, zone, other):
    assert share_of_month(anchored(anchor, at, zone), zone) == 1
    assert share_of_month(anchored(anchor, at, "UTC"), other) == 1  # the boundaries are Stripe's instants


@pytest.mark.parametrize(
    ("start", "end", "share"),
    [
        ("2026-11-01", "2026-11-16", Fraction(1, 2)),
        ("2026-10-31", "2026-11-10", Fraction(10, 30)),  # a month from 31 October ends on 30 November
        ("2026-12-31", "2027-01-10", Fraction(10, 31)),
        ("2026-11-01", "2026-11-01 00:00:01", Fraction(1, 30 * 86_400)),
    ],
)
def test_a_period_that_was_cut_short_has_its_share_of_seconds(start, end, share):
    assert share_of_month(Period(utc(start), utc(end)), "UTC") == share
