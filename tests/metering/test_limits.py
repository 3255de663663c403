"""Rule 2.3: exact limits for the four aggregations, three policies, and windows; singles and batches alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from app.metering.recording.batch import BatchTerms, record_batch
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


def test_use_fills_the_window_in_which_it_happened(world: World, send: Callable[..., str]) -> None:
    """A buffer that is flushed late fills the days it belongs to, and today has room still."""
    org = world.org(t_sum={"policy": "charge", "allowance": 0, "per_day": 10})
    earlier = NOW - timedelta(days=3)
    assert [send(org, event(quantity=q, occurred_at=earlier)) for q in (10, 1)] == ["recorded", "quota_exceeded"]
    assert [send(org, event(quantity=q)) for q in (10, 1)] == ["recorded", "quota_exceeded"]


def test_a_batch_over_several_windows_fills_each(world: World) -> None:
    org = world.org(t_sum={"policy": "charge", "allowance": 0, "per_day": 10, "per_minute": 4})
    sent = [
        (quantity, NOW - timedelta(minutes=minutes)) for minutes, quantity in ((2, 4), (1, 3), (1, 2), (0, 3), (0, 1))
    ]
    done = world.many(org, [event(quantity=quantity, occurred_at=at) for quantity, at in sent])
    assert [(refusal.index, (refusal.facts or {})["span"]) for refusal in done.refused] == [(2, "minute"), (4, "day")]
    rows = "SELECT span, used FROM usage_windows WHERE org_id = %s ORDER BY span, starts_at"
    assert world.run(rows, (org,)) == [("day", 10), ("minute", 4), ("minute", 3), ("minute", 3)]
    fits = world.many(org, [event(occurred_at=NOW - timedelta(days=days)) for days in (1, 2, 3)])
    assert (fits.recorded, fits.refused) == (3, [])


def test_hours_and_minutes_of_more_than_two_days_ago_are_not_judged(world: World, send: Callable[..., str]) -> None:
    org = world.org(t_sum={"policy": "charge", "allowance": 0, "per_minute": 1, "per_day": 3})
    long_ago = NOW - timedelta(days=3)
    sent = [send(org, event(occurred_at=long_ago)) for _ in range(4)]
    assert sent == ["recorded", "recorded", "recorded", "quota_exceeded"]


def test_a_change_of_zone_reaches_windows_with_the_next_period(world: World, send: Callable[..., str]) -> None:
    org = world.org(t_sum={"policy": "charge", "allowance": 0, "per_day": 1})
    assert send(org, event()) == "recorded"
    world.run("UPDATE orgs SET time_zone = 'Pacific/Kiritimati' WHERE id = %s", (org,))
    assert send(org, event()) == "quota_exceeded"  # no fresh day at a change of zone


def test_imports_take_no_room_and_a_value_that_they_brought_takes_it_with_its_first_event(world: World) -> None:
    org = world.org(t_sum={"allowance": 10}, t_kinds={"allowance": 1}, t_max={"allowance": 10})
    imported = BatchTerms("import", billable=False, limited=False)
    brought = [event(quantity=100), event("t_kinds", kind="a"), event("t_kinds", kind="b"), event("t_max", 99)]
    assert record_batch(world.recorder, org, brought, key_id=None, now=NOW, terms=imported).recorded == 4
    assert world.one(org, event(quantity=10)).code == "recorded"
    assert world.one(org, event()).code == "quota_exceeded"
    assert world.one(org, event("t_max", 10)).code == "recorded"
    assert world.one(org, event("t_kinds", kind="a")).code == "recorded"
    assert [world.one(org, event("t_kinds", kind=kind)).code for kind in "ab"] == ["recorded", "quota_exceeded"]
    assert world.many(org, [event("t_kinds", kind="b")]).refused[0].code == "quota_exceeded"
    figures = "SELECT used, unbilled FROM usage_counters WHERE org_id = %s ORDER BY meter_id"
    assert sorted(world.run(figures, (org,))) == [(2, 1), (99, 89), (110, 100)]


def test_a_value_that_an_import_brought_takes_room_in_a_batch_too(world: World) -> None:
    org = world.org(t_kinds={"allowance": 1})
    imported = BatchTerms("import", billable=False, limited=False)
    record_batch(world.recorder, org, [event("t_kinds", kind="a")], key_id=None, now=NOW, terms=imported)
    done = world.many(org, [event("t_kinds", kind="a"), event("t_kinds", kind="b"), event("t_kinds", kind="a")])
    assert (done.recorded, [refusal.index for refusal in done.refused]) == (2, [1])
    assert world.run("SELECT used, unbilled FROM usage_counters WHERE org_id = %s", (org,)) == [(1, 0)]


def test_day_windows_start_at_the_orgs_own_midnight(world: World, send: Callable[..., str]) -> None:
    org = world.org(zone="Asia/Kolkata", t_sum={"policy": "charge", "allowance": 0, "per_day": 1, "per_hour": 1})
    before = datetime(2026, 11, 20, 18, 29, 59, tzinfo=UTC)  # 23:59:59 there
    assert send(org, event(occurred_at=before), before) == "recorded"
    assert send(org, event(occurred_at=before), before) == "quota_exceeded"
    after = before + timedelta(seconds=1)
    assert send(org, event(occurred_at=after), after) == "recorded"


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
