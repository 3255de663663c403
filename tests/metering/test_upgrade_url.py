"""A refusal leads to the smallest plan that would have taken what was refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.metering.upgrade_url import SPANS, PlanCaps, find_smallest_plan


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


def test_a_meter_of_highest_values_needs_room_for_the_highest_only() -> None:
    assert find_smallest_plan(rooms("max"), "period", Decimal(90), Decimal(95)) == "small"
    assert find_smallest_plan(rooms("max"), "period", Decimal(90), Decimal(101)) == "large"
