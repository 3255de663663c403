"""A refusal leads to the smallest plan that would have taken what was refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.metering.upgrade_url import SPANS, OwnPlan, PlanCaps, find_smallest_plan


def room(plan: str, aggregation: str, **caps: int) -> PlanCaps:
    return PlanCaps(plan, aggregation, tuple(Decimal(caps[span]) if span in caps else None for span in SPANS))


def rooms(aggregation: str) -> list[PlanCaps]:
    return [
        room("small", aggregation, period=100, day=5, requests=60),
        room("large", aggregation, period=1000, day=10, requests=600),
        room("endless", aggregation, requests=600),
    ]


@pytest.mark.parametrize(
    ("span", "held", "refused", "plan"),
    [
        ("period", 90, 10, "small"),
        ("period", 100, 1, "large"),
        ("period", 900, 101, "endless"),
        ("day", 10, 1, "endless"),
        ("minute", 6, 1, "small"),
        ("requests", 199, 1, "large"),
        ("requests", 600, 1, None),
    ],
)
def test_what_is_held_and_what_was_refused_must_fit_together(span: str, held: int, refused: int, plan: str) -> None:
    assert find_smallest_plan(rooms("sum"), span, Decimal(held), Decimal(refused)) == plan


def test_no_refusal_leads_to_the_plan_that_the_org_has() -> None:
    """Its own version allows less than the one on sale, say, or a trial does."""
    assert find_smallest_plan(rooms("sum"), "period", Decimal(90), Decimal(10), OwnPlan("small")) == "large"
    assert find_smallest_plan(rooms("sum"), "period", Decimal(900), Decimal(101), OwnPlan("endless")) is None


def test_in_a_trial_the_next_plan_must_have_room_in_its_trial() -> None:
    plans = [room("own", "sum")._replace(tried=Decimal(10)), room("next", "sum")._replace(tried=Decimal(50)),
             room("last", "sum", period=1000)._replace(tried=Decimal(1000))]  # fmt: skip
    trying = OwnPlan("own", trying=True)
    assert find_smallest_plan(plans, "period", Decimal(10), Decimal(1), trying) == "next"
    assert find_smallest_plan(plans, "period", Decimal(50), Decimal(1), trying) == "last"
    assert find_smallest_plan(plans, "day", Decimal(50), Decimal(1), trying) == "next"


def test_a_meter_of_highest_values_needs_room_for_the_highest_only() -> None:
    assert find_smallest_plan(rooms("max"), "period", Decimal(90), Decimal(95)) == "small"
    assert find_smallest_plan(rooms("max"), "period", Decimal(90), Decimal(101)) == "large"
