"""Rule 2.3: exact limits for the four aggregations, three policies, and windows; singles and batches alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from app.metering.schemas import Event
from tests.metering.world import MONTHS, NOW, World, event

Send = Callable[[UUID, Event], str]


@pytest.fixture(params=["single", "batch"])
def send(request: pytest.FixtureRequest, world: World) -> Callable[..., str]:
    """Record one event by either path; answers its code."""

    def single(org: UUID, sent: Event, now: datetime = NOW) -> str:
        return world.one(org, sent, now).code

    def batch(org: UUID, sent: Event, now: datetime = NOW) -> str:
        done = world.many(org, [sent], now)
        if done.refused:
            return done.refused[0].code
        return "recorded" if done.recorded else "duplicate"

    return single if request.param == "single" else batch


def test_a_block_limit_admits_what_fits_at_its_turn_and_not_one_more(world: World, send: Callable[..., str]) -> None:
    org = world.org(t_sum={"policy": "block", "allowance": 10})
    codes = [send(org, event(quantity=q)) for q in ("7", "4", "2.5", "0.5", "0.000001", "0")]
    assert codes == ["recorded", "quota_exceeded", "recorded", "recorded", "quota_exceeded", "recorded"]
    assert world.used(org) == 10
    world.books_agree(org)


def test_reserved_units_count_against_the_limit(world: World, send: Callable[..., str]) -> None:
    org = world.org(t_sum={"allowance": 10})
    assert send(org, event(quantity=1)) == "recorded"
    world.run("UPDATE usage_counters SET reserved = 5 WHERE org_id = %s", (org,))
    assert send(org, event(quantity=5)) == "quota_exceeded"
    assert send(org, event(quantity=4)) == "recorded"


def test_block_takes_the_hard_limit_before_the_allowance(world: World, send: Callable[..., str]) -> None:
    org = world.org(t_sum={"policy": "block", "allowance": 10, "hard_limit": 12})
    assert [send(org, event(quantity=q)) for q in (10, 2, 1)] == ["recorded", "recorded", "quota_exceeded"]


@pytest.mark.parametrize("policy", ["charge", "warn"])
def test_charge_and_warn_record_above_the_allowance(world: World, send: Callable[..., str], policy: str) -> None:
    org = world.org(t_sum={"policy": policy, "allowance": 10})
    assert send(org, event(quantity=1000)) == "recorded"
    world.limit(org, "t_sum", policy=policy, allowance=10, hard_limit=1001)
    assert [send(org, event(quantity=q)) for q in (2, 1, 1)] == ["quota_exceeded", "recorded", "quota_exceeded"]


def test_a_meter_that_the_plan_does_not_mention_is_recorded_without_limit(
    world: World, send: Callable[..., str]
) -> None:
    org = world.org(t_count={"allowance": 0})
    assert send(org, event(quantity=10**14)) == "recorded"
    assert send(org, event("t_count")) == "quota_exceeded"


def test_count_adds_one_an_event_whatever_its_quantity(world: World, send: Callable[..., str]) -> None:
    org = world.org(t_count={"allowance": 2})
    assert [send(org, event("t_count", 50)) for _ in range(3)] == ["recorded", "recorded", "quota_exceeded"]
    assert world.used(org, "t_count") == 2
    world.books_agree(org)


def test_max_keeps_the_greatest_and_its_limit_is_on_the_value(world: World, send: Callable[..., str]) -> None:
    org = world.org(t_max={"allowance": 100})
    codes = [send(org, event("t_max", q)) for q in (60, 100, 30, "100.000001")]
    assert codes == ["recorded", "recorded", "recorded", "quota_exceeded"]
    assert world.used(org, "t_max") == 100
    world.books_agree(org)


def test_unique_claims_each_value_of_its_dimension_once(world: World, send: Callable[..., str]) -> None:
    org = world.org(t_people={"allowance": 2}, t_kinds={"allowance": 1})
    codes = [send(org, event("t_people", 5, user=user)) for user in ("ann", "bob", "ann", "eve", "bob")]
    assert codes == ["recorded", "recorded", "recorded", "quota_exceeded", "recorded"]
    assert [send(org, event("t_kinds", kind=kind)) for kind in ("a", "a", "b")] == [
        "recorded", "recorded", "quota_exceeded",
    ]  # fmt: skip
    assert (world.used(org, "t_people"), world.used(org, "t_kinds")) == (2, 1)
    world.books_agree(org)


def test_a_unique_event_without_its_dimension_is_refused(world: World, send: Callable[..., str]) -> None:
    assert send(world.org(), event("t_people")) == "invalid_event"


def test_after_a_downgrade_new_use_is_refused_until_it_fits(world: World, send: Callable[..., str]) -> None:
    org = world.org(t_sum={"allowance": 100}, t_max={"allowance": 100})
    assert [send(org, event(meter, 80)) for meter in ("t_sum", "t_max")] == ["recorded", "recorded"]
    world.limit(org, "t_sum", allowance=50)
    world.limit(org, "t_max", allowance=50)
    assert send(org, event(quantity=1)) == "quota_exceeded"
    assert [send(org, event("t_max", q)) for q in (60, 50)] == ["quota_exceeded", "recorded"]
    assert world.used(org) == 80
    world.limit(org, "t_sum", allowance=81)
    assert send(org, event(quantity=1)) == "recorded"


def test_each_period_has_its_own_room(world: World, send: Callable[..., str]) -> None:
    org = world.org(t_sum={"allowance": 5})
    last_instant = MONTHS[2] - timedelta(microseconds=1)
    for at in (last_instant, MONTHS[2]):
        assert send(org, event(quantity=5, occurred_at=at)) == "recorded"
        assert send(org, event(quantity=1, occurred_at=at)) == "quota_exceeded"
    assert (world.used(org, period=MONTHS[1]), world.used(org, period=MONTHS[2])) == (5, 5)


@pytest.mark.parametrize(
    ("span", "step"),
    [("per_minute", timedelta(seconds=30)), ("per_hour", timedelta(hours=1)), ("per_day", timedelta(hours=12))],
)
def test_a_window_admits_its_limit_and_starts_anew(
    world: World, send: Callable[..., str], span: str, step: timedelta
) -> None:
    org = world.org(t_sum={"policy": "charge", "allowance": 0, span: 10})
    assert [send(org, event(quantity=q)) for q in (6, 5, 4, 1)] == [
        "recorded", "quota_exceeded", "recorded", "quota_exceeded",
    ]  # fmt: skip
    assert send(org, event(quantity=10), NOW + step) == "recorded"


def test_windows_run_on_the_time_of_recording(world: World, send: Callable[..., str]) -> None:
    org = world.org(t_sum={"policy": "charge", "allowance": 0, "per_day": 10})
    earlier = NOW - timedelta(days=3)
    assert [send(org, event(quantity=q, occurred_at=earlier)) for q in (10, 1)] == ["recorded", "quota_exceeded"]


def test_day_windows_start_at_the_orgs_own_midnight(world: World, send: Callable[..., str]) -> None:
    org = world.org(zone="Asia/Kolkata", t_sum={"policy": "charge", "allowance": 0, "per_day": 1, "per_hour": 1})
    before = datetime(2026, 11, 20, 18, 29, 59, tzinfo=UTC)  # 23:59:59 there
    assert send(org, event(occurred_at=before), before) == "recorded"
    assert send(org, event(occurred_at=before), before) == "quota_exceeded"
    assert send(org, event(occurred_at=before), before + timedelta(seconds=1)) == "recorded"


def test_the_smaller_of_several_windows_decides_and_is_named(world: World) -> None:
    org = world.org(t_sum={"policy": "block", "allowance": 100, "per_minute": 2, "per_hour": 3})
    facts = []
    for at in (NOW, NOW, NOW, NOW + timedelta(minutes=1), NOW + timedelta(minutes=1)):
        done = world.one(org, event(), at)
        facts.append((done.facts or {}).get("span"))
    assert facts == [None, None, "minute", None, "hour"]
    many = world.many(org, [event()], NOW + timedelta(minutes=1))
    assert many.refused[0].facts is not None
    assert many.refused[0].facts["span"] == "hour"
    assert many.refused[0].facts["resets_at"] == "2026-11-21T13:00:00.000000Z"


def test_a_refusal_tells_the_limit_what_is_used_and_when_it_starts_anew(world: World) -> None:
    org = world.org(t_sum={"allowance": 10})
    world.one(org, event(quantity="9.5"))
    single, batch = world.one(org, event()).facts, world.many(org, [event()]).refused[0].facts
    for facts in (single, batch):
        assert facts is not None
        assert (Decimal(facts["limit"]), Decimal(facts["used"]), Decimal(facts["reserved"])) == (10, Decimal("9.5"), 0)
        assert (facts["span"], facts["resets_at"]) == ("period", "2026-12-01T00:00:00.000000Z")
