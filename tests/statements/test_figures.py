"""One meter's figures, computed once for page, API and CSV."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.kit.periods import Period
from app.rating.schemas import parse_charge
from app.statements.ahead import Pace
from app.statements.figures import MeterFigures, MeterUse, UsageTerms, classify_use, compute_figures
from tests.support.terms import usage_terms

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
CENT = parse_charge("per_unit", {"unit_amount": "0.01"}, "USD")
D = Decimal


def make(terms: UsageTerms, use: MeterUse, *, aggregation: str = "sum", day: int = 11) -> MeterFigures:
    pace = Pace(Period(START, END), START, START + timedelta(days=day - 1))
    return compute_figures("calls", "API calls", "calls", aggregation, terms=terms, use=use, pace=pace)


@pytest.mark.parametrize(
    ("used", "state"),
    [("799.999999", "ok"), ("800", "near"), ("899.999999", "near"), ("900", "high"), ("999.999999", "high"),
     ("1000", "full"), ("1000.000001", "over")],
)  # fmt: skip
def test_a_state_begins_exactly_at_its_share_of_the_limit(used: str, state: str) -> None:
    assert classify_use(D(used), D(1000)) == state


def test_a_percentage_is_rounded_down_so_that_a_hundred_means_reached() -> None:
    assert make(usage_terms("block", D(1000)), MeterUse(D("999.999999"))).percent == 99
    assert make(usage_terms("block", D(1000)), MeterUse(D(1000))).percent == 100
    assert make(usage_terms("charge", D(1000), charge=CENT), MeterUse(D(1125))).percent == 112


def test_only_the_excess_is_priced_and_imports_are_not() -> None:
    made = make(usage_terms("charge", D(1000), charge=CENT), MeterUse(D(1500), imported=D(100)))
    assert (made.cost, made.exact_cost) == (500, D(500))
    assert made.next_unit == 1


def test_a_warned_meter_bills_nothing_above_its_allowance() -> None:
    made = make(usage_terms("warn", D(1000), charge=CENT), MeterUse(D(5000)))
    assert (made.cost, made.next_unit, made.state) == (0, 0, "over")


def test_the_cost_ahead_stops_where_use_would_be_refused() -> None:
    free = make(usage_terms("charge", D(100), charge=CENT), MeterUse(D(400)))
    capped = make(usage_terms("charge", D(100), D(600), charge=CENT), MeterUse(D(400)))
    assert free.projected_use == capped.projected_use == 1200
    assert (free.projected_cost, capped.projected_cost) == (1100, 500)


def test_the_greatest_of_a_period_has_no_pace() -> None:
    made = make(usage_terms("block", D(1000)), MeterUse(D(400)), aggregation="max")
    assert (made.projected_use, made.reaches_limit_at) == (400, None)


def test_a_meter_without_terms_is_unlimited_and_free() -> None:
    made = make(usage_terms(), MeterUse(D(10**14)))
    assert (made.state, made.limit, made.percent, made.cost, made.remaining) == ("unlimited", None, None, 0, None)


def test_a_price_from_the_first_unit_on_has_nothing_to_fill() -> None:
    made = make(usage_terms("charge", D(0), charge=CENT), MeterUse(D(7)))
    assert (made.limit, made.state, made.cost) == (None, "unlimited", 7)


def test_what_is_left_leaves_out_what_jobs_hold() -> None:
    assert make(usage_terms("block", D(100)), MeterUse(D(60), D(30))).remaining == 10
    assert make(usage_terms("block", D(100)), MeterUse(D(120))).remaining == 0


def test_a_meter_that_a_plan_shuts_is_not_shown_as_full() -> None:
    made = make(usage_terms("block", D(0)), MeterUse())
    assert (made.percent, made.state) == (0, "ok")


def test_a_young_org_is_paced_from_its_first_day() -> None:
    born = START + timedelta(days=10)
    pace = Pace(Period(START, END), born, born + timedelta(days=5))
    made = compute_figures("c", "C", "c", "sum", terms=usage_terms("block", D(1000)), use=MeterUse(D(100)), pace=pace)
    assert made.projected_use == 400
