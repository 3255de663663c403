"""A change of plan while another is planned, with events twice and in any order: one end."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from app.payments.cli import background_gateway
from app.payments.plan_changes.models import PlanChangeAttempt
from app.subscriptions.models import SubscriptionEvent
from tests.payments.lifecycle import Post
from tests.payments.plan_changes.test_confirm import (
    DECLINES,
    SECURE,
    confirm,
    own_card,
    quoted,
    resolve,
    visit_invoice,
)
from tests.payments.plan_changes.test_emails import kinds
from tests.payments.plan_changes.test_planned import outcomes, paid, schedules
from tests.payments.plan_changes.test_planned_gives_way import planned
from tests.scenario import Org, Scenario

WAYS = {"paid": "pm_card_visa", "confirmed": SECURE, "lapsed": DECLINES}
SEEDS = [
    *(pytest.param(seed, id=f"seed {seed}") for seed in (0, 2)),
    *(pytest.param(seed, id=f"seed {seed}", marks=pytest.mark.long) for seed in range(30) if seed not in {0, 2}),
]
Picture = dict[str, Any]
EXPECTED: dict[str, Picture] = {
    "paid": {
        "plan": "dearer", "paid": [1000, 1500], "attempts": ["applied"], "planned": ["replaced"],
        "schedules": ["released"], "records": [("completed", 1000), ("completed", 1500)],
        "emails": ["change_planned", "plan_changed"], "history": ["change_planned", "started", "upgraded"],
    },
    "confirmed": {
        "plan": "dearer", "paid": [1000, 1500], "attempts": ["applied"], "planned": ["replaced"],
        "schedules": ["released"], "records": [("completed", 1000), ("completed", 1500)],
        "emails": ["change_planned", "change_waiting", "plan_changed"],
        "history": ["change_planned", "started", "upgraded"],
    },
    "lapsed": {
        "plan": "own", "paid": [1000], "attempts": ["lapsed"], "planned": [None],
        "schedules": ["active", "released"], "records": [("completed", 1000), ("failed", 1500)],
        "emails": ["change_lapsed", "change_planned", "change_waiting"], "history": ["change_planned", "started"],
    },
}  # fmt: skip


def live(scenario: Scenario, random: Random | None, way: str) -> Picture:
    """The life, with the events as they come; in the end all have arrived, and the sweep has run."""
    org, lower, dearer = planned(scenario)
    org.with_card(WAYS[way])
    own_card(scenario, org)
    post = Post(scenario, random, [])
    scenario.stripe.deliver_to(post.catch)

    def some_time(**passes: int) -> None:
        scenario.later(**passes or {"seconds": random.randint(1, 300) if random else 60})
        scenario.stripe.deliver()
        post.some()

    result = confirm(org, quoted(org, dearer))
    some_time()
    if way == "confirmed" and result.pay_url:
        visit_invoice(scenario, result.pay_url, "pass")
        some_time()
    some_time(hours=24)
    while post.caught or scenario.stripe.deliver():
        post.all()
        scenario.work()
    scenario.stripe.deliver_to(scenario.client)
    for _ in range(2):
        scenario.later(minutes=3)
        resolve()
        scenario.settle()
    return picture(scenario, org, {org.plan.version_id: "own", lower.version_id: "lower", dearer.version_id: "dearer"})  # type: ignore[union-attr]


def picture(scenario: Scenario, org: Org, names: dict[Any, str]) -> Picture:
    def rows(column: Any) -> list[Any]:
        return sorted(org.session.scalars(select(column).where(column.class_.org_id == org.id)))

    return {
        "plan": names[org.plan_version],
        "paid": paid(scenario),
        "attempts": rows(PlanChangeAttempt.state),
        "planned": outcomes(org),
        "schedules": sorted(schedules(scenario)),
        "records": sorted((each.state, each.amount) for each in org.records),
        "emails": sorted(kinds(org)),
        "history": rows(SubscriptionEvent.kind),
    }


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.slow
def test_events_of_a_change_twice_late_and_in_any_order_lead_to_one_end(scenario: Scenario, seed: int) -> None:
    way = [*WAYS][seed % 3]
    with background_gateway():
        assert live(scenario, Random(seed), way) == EXPECTED[way], (seed, way)


@pytest.mark.parametrize("way", [pytest.param(way, marks=pytest.mark.long) for way in WAYS])
def test_events_of_a_change_in_their_order_lead_to_that_end(scenario: Scenario, way: str) -> None:
    with background_gateway():
        assert live(scenario, None, way) == EXPECTED[way]
