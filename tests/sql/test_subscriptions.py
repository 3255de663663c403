"""The lock of an org's usage; the plan in force."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.sql.conftest import NOW, Sql

ORG = "00000000-0000-7000-8000-000000000001"


def test_usage_lock_is_one_number_an_org_and_stays_so(sql: Sql) -> None:
    """Processes of two releases side by side must mean the same lock."""
    assert sql.value("SELECT usage_lock(%s)", ORG) == sql.value("SELECT hashtextextended(%s, 7205759403)", ORG)
    assert sql.value("SELECT usage_lock(%s) <> usage_lock(%s)", ORG, uuid4())


def published(sql: Sql, *, default: bool = False) -> UUID:
    plan, made = uuid4(), uuid4()
    if default:
        sql.rows("UPDATE plans SET is_default = false WHERE is_default")
    sql.insert(
        "plans", id=plan, key=f"p_{plan.hex[:12]}", name="", summary="", public=False, is_default=default, position=0
    )
    sql.insert("plan_versions", id=made, plan_id=plan, number=1, content_hash=b"0" * 32)
    for currency in ("CHF", "EUR"):
        sql.insert("plan_prices", plan_version_id=made, currency=currency, interval="month", amount=1)
    sql.rows("UPDATE plan_versions SET published_at = %s WHERE id = %s", NOW, made)
    return made


def test_subscriptions_planned_are_those_that_stand(sql: Sql) -> None:
    org, version, subscription = sql.org(), published(sql), uuid4()
    sql.insert("subscriptions", id=subscription, org_id=org, plan_version_id=version, state="active", interval="month",
               currency="CHF", collection="stripe", anchor_at=NOW, started_at=NOW, billing_starts_at=NOW,
               billing_ends_at=NOW + timedelta(days=30))  # fmt: skip
    for ended, outcome in ((NOW, "undone"), (None, None)):
        sql.insert("planned_changes", id=uuid4(), org_id=org, subscription_id=subscription, plan_version_id=version,
                   origin="org", interval="month", currency="CHF", effective_at=NOW, planned_at=NOW, ended_at=ended,
                   outcome=outcome)  # fmt: skip
    assert sql.rows("SELECT plan_version_id FROM subscriptions_planned WHERE org_id = %s", org) == [(version,)]


@pytest.mark.parametrize(("days", "place"), [(-30, "default"), (0, "first"), (9, "first"), (10, "second")])
def test_plan_in_force(sql: Sql, days: int, place: str) -> None:
    org = sql.org()
    plans = {"first": published(sql), "second": published(sql), "default": published(sql, default=True)}
    for name, start in (("first", 0), ("second", 10)):
        sql.insert("plans_in_force", org_id=org, starts_at=NOW + timedelta(days=start), plan_version_id=plans[name])
    assert sql.value("SELECT plan_in_force(%s, %s)", org, NOW + timedelta(days=days)) == plans[place]


@pytest.mark.parametrize(("days", "held"), [(-1, None), (0, "first"), (29, "first"), (30, "second"), (60, None)])
def test_subscriptions_holders_are_on_the_version_of_their_period_of_then(
    sql: Sql, days: int, held: str | None
) -> None:
    org, versions = uuid4(), {"first": published(sql), "second": published(sql)}
    sql.rows("INSERT INTO orgs (id, name, time_zone, created_at) VALUES (%s, 'org', 'UTC', %s)", org, NOW)
    before = None
    for name, start in (("first", 0), ("second", 30)):
        span = {"starts_at": NOW + timedelta(days=start), "ends_at": NOW + timedelta(days=start + 30)}
        sql.insert("usage_periods", org_id=org, plan_version_id=versions[name], time_zone="UTC", opened_at=NOW,
                   previous_end=before, **span)  # fmt: skip
        before = span["ends_at"]
    query = "SELECT plan_version_id, period_start FROM subscriptions_holders(%s) WHERE org_id = %s"
    found = sql.rows(query, NOW + timedelta(days=days), org)
    begun = {"first": NOW, "second": NOW + timedelta(days=30)}
    assert found == ([(versions[held], begun[held])] if held else [])
    sql.rows("UPDATE orgs SET deleted_at = %s WHERE id = %s", NOW, org)
    assert sql.rows(query, NOW + timedelta(days=days), org) == []


def charged(sql: Sql, org: UUID, version: UUID, *starts: int) -> None:
    """Rows of recurring charges in the order in which they were noted, each from so many days after NOW."""
    subscription = uuid4()
    sql.insert("subscriptions", id=subscription, org_id=org, plan_version_id=version, state="active", interval="month",
               currency="CHF", collection="stripe", anchor_at=NOW, started_at=NOW, billing_starts_at=NOW,
               billing_ends_at=NOW + timedelta(days=30))  # fmt: skip
    for days in starts:
        sql.insert("recurring_charges", org_id=org, subscription_id=subscription, plan_version_id=version,
                   state="active", collection="stripe", currency="CHF", fees="[]", discounts="[]", paused=False,
                   starts_at=NOW + timedelta(days=days), noted_at=NOW)  # fmt: skip


@pytest.mark.parametrize(
    ("starts", "held"),
    [
        ([], []),
        ([0], [(0, None)]),
        ([0, 5, 9], [(0, 5), (5, 9), (9, None)]),
        ([0, 9, 5], [(0, 5), (5, None)]),
        ([0, 9, 5, 7], [(0, 5), (5, 7), (7, None)]),
        ([5, 5], [(5, None)]),
        ([5, 0], [(0, None)]),
    ],
)
def test_subscriptions_recurring_is_what_was_noted_last_about_each_instant(
    sql: Sql, starts: list[int], held: list[tuple[int, int | None]]
) -> None:
    org, other, version = sql.org(), sql.org(), published(sql)
    charged(sql, other, version, 3)
    charged(sql, org, version, *starts)
    asked = "SELECT starts_at, ends_at FROM subscriptions_recurring WHERE org_id = %s ORDER BY starts_at"
    at = {None: None} | {days: NOW + timedelta(days=days) for days in range(10)}
    assert sql.rows(asked, org) == [(at[start], at[end]) for start, end in held]


@pytest.mark.parametrize(("days", "planned"), [(-1, False), (0, True), (4, True), (5, False)])
def test_subscriptions_planned_at_is_what_was_planned_then(sql: Sql, days: int, planned: bool) -> None:
    org, version, subscription = sql.org(), published(sql), uuid4()
    sql.insert("subscriptions", id=subscription, org_id=org, plan_version_id=version, state="active", interval="month",
               currency="CHF", collection="stripe", anchor_at=NOW, started_at=NOW, billing_starts_at=NOW,
               billing_ends_at=NOW + timedelta(days=30))  # fmt: skip
    sql.insert("planned_changes", id=uuid4(), org_id=org, subscription_id=subscription, plan_version_id=version,
               origin="org", interval="month", currency="CHF", effective_at=NOW, planned_at=NOW,
               ended_at=NOW + timedelta(days=5), outcome="undone")  # fmt: skip
    asked = "SELECT plan_version_id FROM subscriptions_planned_at(%s) WHERE org_id = %s"
    assert sql.rows(asked, NOW + timedelta(days=days), org) == ([(version,)] if planned else [])
