"""What each plan costs by usage: the points of the chart are what an invoice would come to."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.rating import price
from app.statements.cost_curve import build_cost_curve, choose_range, list_meters, list_ranges
from app.statements.figures import UsageTerms
from app.statements.plan_context import PlanContext
from tests.statements.test_replay import FREE, MAX, PLANS, PRO, offer, on

D = Decimal
USD = PlanContext("USD")
CALLS = PRO.meters["calls"]


def test_every_point_is_the_fee_and_the_rated_usage() -> None:
    curve = build_cost_curve(PLANS, USD, None, CALLS, top=D(100_000))
    charge = PRO.terms("calls", "USD").charge
    assert charge is not None
    for point in curve.points:
        assert point.costs[1] == 4_900 + price(charge, point.used, D(50_000)).rounded
    assert [curve.points[0].used, curve.points[-1].used, len(curve.points)] == [0, 100_000, 41]


def test_the_cheapest_plan_refuses_nothing() -> None:
    curve = build_cost_curve(PLANS, USD, None, CALLS, top=D(100_000))
    cheapest = {int(point.used): point.cheapest for point in curve.points}
    assert [cheapest[used] for used in (0, 2_500, 65_000, 67_500)] == [0, 1, 1, 2]
    assert curve.points[1].costs[0] is None


def test_a_line_ends_where_its_plan_refuses() -> None:
    curve = build_cost_curve(PLANS, USD, None, CALLS, top=D(100_000))
    assert curve.ends[0] is not None
    assert (curve.ends[0].used, curve.ends[0].costs[0], curve.ends[1]) == (1000, 0, None)


def test_the_own_use_is_that_of_the_periods_end_on_the_own_terms() -> None:
    agreed = UsageTerms("charge", D(80_000), None, PRO.terms("calls", "USD").charge)
    curve = build_cost_curve(PLANS, USD, on(PRO, 45_000, terms=agreed), CALLS, top=D(100_000))
    assert (curve.own, curve.here.used, curve.here.costs[1]) == (90_000, 90_000, 4_900 + 10_000)


def test_the_usage_that_is_asked_for_is_priced_exactly() -> None:
    curve = build_cost_curve(PLANS, USD, None, CALLS, top=D(100_000), at=D("50001"))
    assert curve.here.costs[1] == 4_901


def test_the_range_is_about_twice_an_allowance_and_holds_the_own_use() -> None:
    assert list_ranges(PLANS, "calls", None) == [100_000, 1_000_000]
    assert choose_range([D(100_000), D(1_000_000)], None) == 100_000
    assert choose_range([D(100_000), D(1_000_000)], D(300_000)) == 1_000_000
    assert list_ranges([FREE, PRO], "calls", D(300_000)) == [100_000, 1_000_000]
    assert list_ranges([FREE], "calls", None) == [2_000]


@pytest.mark.parametrize(("policy", "listed"), [("charge", True), ("block", True), ("warn", False)])
def test_a_meter_counts_where_it_is_limited_or_charged_for(policy: str, listed: bool) -> None:
    assert bool(list_meters([offer("x", 100, 10, policy=policy)])) is listed


def test_a_small_range_has_whole_steps() -> None:
    curve = build_cost_curve([FREE, MAX], USD, None, CALLS, top=D(20))
    assert [int(point.used) for point in curve.points] == list(range(21))
