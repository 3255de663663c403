"""What a meter's forecast says in words, which meter is looked at, and its running total by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.statements.ahead import MeterDays, Pace
from app.statements.figures import MeterUse, UsageTerms, compute_figures
from app.statements.outlook import describe_forecast, describe_outlook, find_pressing, list_running_totals
from tests.portal.outlook_specimens import BLOCK, CENT, TODAY, USAGES, days, meter, stand
from tests.portal.specimens import NOW, PERIOD, START, ZONE
from tests.support.terms import usage_terms

D = Decimal


def outlook(kind: str) -> str:
    usage = USAGES[kind]()
    pressing = find_pressing(usage)
    assert pressing is not None
    return " ".join(describe_outlook(pressing, usage))


def test_the_end_its_range_the_date_and_the_typical_error_are_said() -> None:
    assert outlook("meets-limit") == (
        "Needed by 1 December 2026: about 11,818 calls; eight times in ten between 11,334 and 12,301."
        " The limit of 10,000 is reached around Wednesday 22:00, at the earliest Wednesday 13:00, at the latest"
        " Thursday 09:00. A week ahead, the forecast was typically 5 % off here."
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("nothing-this-period", "Expected by 1 December 2026: about 1 call; eight"),
        ("first-hours", "Too little use yet for a forecast."),
        ("little-history", "There is no range yet: it takes 7 whole days of use."),
        ("few-days", "It takes three weeks of use to say how far off a forecast usually is here."),
        ("first-day", "The limit of 10,000 is reached at the upper end only, around 17 December."),
        ("fine", "The limit of 10,000 is not reached, even at the upper end."),
        ("charge-ahead", "Expected by 1 December 2026: about 11,818 calls; eight"),
        ("charge-ahead", "The allowance of 10,000 is reached around Wednesday 22:00"),
        ("over-limit", "Needed by"),
    ],
)
def test_each_state_says_no_more_than_is_known(kind: str, words: str) -> None:
    assert words in outlook(kind)


@pytest.mark.parametrize("kind", ["over-limit", "charge", "unlimited"])
def test_a_limit_that_is_met_or_absent_has_no_date(kind: str) -> None:
    assert " is reached" not in outlook(kind)


def test_nothing_ever_used_has_no_outlook() -> None:
    assert find_pressing(USAGES["no-usage"]()) is None


def test_the_meter_nearest_to_its_limit_at_the_end_is_looked_at() -> None:
    quiet, busy = meter(BLOCK, days(56, 100, 10)), meter(BLOCK, days(56, 300, 40), key="busy")
    free = meter(usage_terms("warn", None), days(56, 9000, 900), key="free")
    assert find_pressing(stand(free, quiet, busy)) is busy
    assert find_pressing(stand(free, replace(busy, aggregation="unique"))) is free


def test_the_running_total_ends_with_what_is_used_and_rises_by_the_days() -> None:
    used = days(56, 520, 90, 200)
    totals = list_running_totals(meter(BLOCK, used), PERIOD, NOW, ZONE)
    assert (totals[0].at, totals[0].total) == (START, 0)
    assert (totals[-1].at, totals[-1].total) == (NOW, D(8324))
    assert len(totals) == 22
    assert totals[-1].total - totals[-2].total == 200
    assert totals[-2].total - totals[-3].total == used[TODAY - timedelta(days=1)]


def test_imported_usage_of_the_period_takes_no_room_in_its_running_total() -> None:
    made = meter(BLOCK, days(20, 10, 10))
    imported = replace(made, days=MeterDays({**made.days.used, TODAY - timedelta(days=20): D(5000)}))
    totals = list_running_totals(imported, PERIOD, NOW, ZONE)
    assert [each.total for each in totals] == sorted(each.total for each in totals)
    assert totals[-1].total == made.use.used


def test_a_maximum_rises_to_its_greatest_day_and_is_not_forecast() -> None:
    made = replace(
        meter(BLOCK, {TODAY - timedelta(days=3): D(40), TODAY - timedelta(days=1): D(25)}), aggregation="max"
    )
    made = replace(made, use=replace(made.use, used=D(40)), ahead=None)
    assert [each.total for each in list_running_totals(made, PERIOD, NOW, ZONE)][-5:] == [0, 40, 40, 40, 40]
    assert describe_outlook(made, stand(made)) == ["A maximum is not forecast."]


@pytest.mark.parametrize("policy", ["charge", "warn"])
@pytest.mark.parametrize(("cap", "word"), [(10_000, "Needed"), (12_000, "Expected")])
def test_what_a_cap_above_the_allowance_would_refuse_is_needed_and_not_expected(
    policy: str, cap: int, word: str
) -> None:
    made = meter(UsageTerms(policy, D(5000), D(cap), CENT), days(56, 520, 90, 200))
    assert describe_outlook(made, stand(made))[0].startswith(f"{word} by 1 December 2026: about 11,818 calls;")


def test_of_a_meter_that_the_plan_leaves_out_nothing_is_expected_whatever_was_used_before() -> None:
    before = {day: used for day, used in days(56, 520, 90).items() if day < PERIOD.start.date()}
    left_out = meter(UsageTerms("block", D(0), D(0)), before)
    assert describe_forecast(left_out, stand(left_out)) is None
    assert find_pressing(stand(left_out)) is None


@pytest.mark.parametrize(("limit", "when"), [(10_000, "Thursday 13:00"), (11_000, "29 November")])
def test_steady_use_has_neither_a_range_nor_two_dates(limit: int, when: str) -> None:
    made = meter(usage_terms("block", D(limit)), {TODAY - timedelta(days=i): D(400) for i in range(1, 57)})
    assert " ".join(describe_outlook(made, stand(made))) == (
        f"Needed by 1 December 2026: about 11,783 calls. The limit of {limit:,} is reached around {when}."
        " A week ahead, the forecast was typically less than 1 % off here."
    )
    assert describe_forecast(made, stand(made)) == f"Full around {when}."
    free = meter(usage_terms("warn", None), dict(made.days.used))
    assert describe_forecast(free, stand(free)) == "About 11,783 expected."


@pytest.mark.parametrize(("each", "words"), [("400.333333", "about 11,793 calls."), ("0.333333", "about 9.82 calls.")])
def test_a_forecast_in_words_is_round(each: str, words: str) -> None:
    made = meter(usage_terms("warn", None), {TODAY - timedelta(days=i): D(each) for i in range(1, 57)})
    assert words in describe_outlook(made, stand(made))[0]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (10, "There is no range yet: it takes 7 whole days of use that no limit held down."),
        (40, "It takes three weeks of use that no limit held down to say how far off a forecast usually is here."),
    ],
)
def test_days_that_a_limit_held_down_are_said_to_be_missing(count: int, words: str) -> None:
    held = {TODAY - timedelta(days=i): D(1000) for i in range(1, min(count, 31) - 2)}
    made = compute_figures("calls", "API calls", "call", "sum", terms=BLOCK, use=MeterUse(D(5000)),
                           pace=Pace(PERIOD, START, NOW, ZONE), days=MeterDays(days(count, 520, 90), held))  # fmt: skip
    assert describe_outlook(made, stand(made))[-1] == words
