"""The fit report: each limit and allowance of a plan against use now, its forecast and the worst past month."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.statements.figures import UsageTerms
from app.statements.fit.report import FitLine, FitReport, Peak, Span, build_fit
from app.statements.fit.wording import describe_line, describe_now, describe_worst
from app.statements.offers import Offer, OfferMeter
from app.subscriptions.terms.resolver import RESTRICTION, MeterRule
from tests.statements.test_replay import FREE, MAX, PRO, offer, on, past

D = Decimal
BLOCKS = replace(FREE, meters={"calls": OfferMeter("calls", "Calls", "call", MeterRule("block", D(1000)))})

FREE_OF_CAP = offer("starter", 900, 1000)


def fit(wanted: Offer, used: int = 0, *before: int, at: int = 16, **peaks: Peak) -> FitReport:
    named: dict[tuple[str, Span], Peak] = {("calls", span): peak for span, peak in peaks.items()}  # type: ignore[misc]
    return build_fit(wanted, on(PRO, used, day=at), past(PRO, *before), named)


def line(report: FitReport) -> FitLine:
    [found] = report.lines
    return found


def words(report: FitReport) -> list[str]:
    return [describe_line(each, report, "UTC") for each in report.lines]


@pytest.mark.parametrize(
    ("used", "before", "said"),
    [
        (1200, (), "Calls: 1,200 used this period, Free allows 1,000."),
        (1200, (2400,), "Calls: 2,400 used in 2–31 Oct 2026, Free allows 1,000."),
        (600, (900,), "Calls: about 1,200 expected this period, Free allows 1,000."),
        (100, (900, 2400, 300), "Calls: 2,400 used in 2 Sep – 1 Oct 2026, Free allows 1,000."),
    ],
)
def test_what_would_be_refused_is_named_with_the_worst_of_now_the_forecast_and_the_past(
    used: int, before: tuple[int, ...], said: str
) -> None:
    report = fit(BLOCKS, used, *before)
    assert line(report).verdict == "refused"
    assert words(report) == [said]


def test_what_fits_fits_up_to_the_last_unit() -> None:
    report = fit(BLOCKS, 0, 1000)
    assert (line(report).verdict, report.misfits) == ("fits", [])
    assert line(fit(BLOCKS, 0, 1001)).verdict == "refused"


def test_usage_that_costs_more_than_on_the_own_plan_is_dearer() -> None:
    """100,000 calls: $500 above Pro's allowance, nothing above Max's."""
    report = build_fit(PRO, on(MAX, 10), past(MAX, 100_000), {})
    assert (line(report).verdict, line(report).extra) == ("dearer", 50_000)
    assert words(report) == ["Calls: 100,000 in a month cost $500.00 on Pro for usage, $0.00 on Max."]
    assert line(build_fit(MAX, on(PRO, 10), past(PRO, 100_000), {})).verdict == "fits"


def test_a_restriction_is_not_what_the_own_plan_costs() -> None:
    held = UsageTerms("charge", D(50_000), D(1000), PRO.terms("calls", "USD").charge, RESTRICTION)
    report = build_fit(MAX, on(PRO, 600_000, day=30, terms=held), [], {}, PRO)
    assert line(report).verdict == "fits"  # the same cent above Max's larger allowance


def test_a_trial_is_not_what_the_own_plan_costs() -> None:
    """Nothing used in a trial is billed; afterwards the plan's prices hold, with which another plan is compared."""
    tried = replace(on(PRO, 60_000, terms=UsageTerms("charge", D(50_000), D(50_000))), is_trial=True)
    dearer = build_fit(FREE_OF_CAP, tried, [], {}, PRO)
    assert line(dearer).own_cost == 70_000  # 120,000 are expected
    assert line(build_fit(MAX, tried, [], {}, PRO)).verdict == "fits"


def test_a_meter_that_the_plan_does_not_limit_fits() -> None:
    unlimited = replace(FREE, meters={"calls": OfferMeter("calls", "Calls", "call", MeterRule("warn", None))})
    assert line(fit(unlimited, 10**9)).verdict == "fits"


def windowed(**windows: Decimal) -> Offer:
    return replace(
        FREE, meters={"calls": OfferMeter("calls", "Calls", "call", MeterRule("block", D(10**6), **windows))}
    )


def test_the_busiest_day_is_compared_with_a_days_limit() -> None:
    report = fit(windowed(per_day=D(500)), 10, day=Peak(D(800), D(20), date(2026, 11, 3)))
    day = report.lines[1]
    assert (day.span, day.verdict, describe_now(day)) == ("day", "refused", "20 today")
    assert describe_worst(day, "UTC") == "800 on 3 Nov 2026"
    assert words(report)[1] == "Calls: 800 used on 3 Nov 2026, Free allows 500 a day."


def test_a_day_limit_without_any_use_fits() -> None:
    day = fit(windowed(per_day=D(500)), 0, day=Peak(D(0), D(0))).lines[1]
    assert (day.verdict, describe_now(day), describe_worst(day, "UTC")) == ("fits", "0 today", "None")


def test_hours_and_minutes_that_are_not_recorded_are_said_to_be_unknown() -> None:
    report = fit(windowed(per_hour=D(50), per_minute=D(5)), 10, minute=Peak(D(4), D(0)))
    hour, minute = report.lines[1:]
    assert (hour.verdict, describe_now(hour)) == ("unknown", "Not recorded")
    assert "How much you use an hour is not recorded" in words(report)[1]
    assert (minute.verdict, describe_worst(minute, "UTC")) == ("fits", "4 in one minute of the last two days")
    assert report.misfits == []
