"""One function turns plan, overrides, collection and restriction into terms (rule 2.3)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.subscriptions.terms.resolver import (
    COLLECTED,
    UNCOLLECTED,
    Collection,
    MeterRule,
    choose_currency,
    is_free,
    resolve_features,
    resolve_limits,
    resolve_meter,
)

D = Decimal
CHARGE = uuid4()
LIMITS = [None, D(0), D(100), D(500)]


def rule(policy: str, allowance: int | None = None, hard: int | None = None, **windows: int) -> MeterRule:
    values = {name: D(value) for name, value in windows.items()}
    number = [None if value is None else D(value) for value in (allowance, hard)]
    return MeterRule(policy, *number, **values, charge_id=CHARGE)


@pytest.mark.parametrize(
    ("policy", "allowance", "hard", "collection", "cap", "source"),
    [
        ("block", 100, None, COLLECTED, 100, "plan"),
        ("block", 100, 500, COLLECTED, 500, "plan"),
        ("block", None, None, COLLECTED, None, "plan"),
        ("charge", 100, None, COLLECTED, None, "plan"),
        ("charge", 100, 500, COLLECTED, 500, "plan"),
        ("warn", 100, None, UNCOLLECTED, None, "plan"),
        ("warn", 100, 500, UNCOLLECTED, 500, "plan"),
        ("charge", 100, None, UNCOLLECTED, 100, "not_collected"),
        ("charge", 100, 500, UNCOLLECTED, 100, "not_collected"),
        ("charge", 500, 500, UNCOLLECTED, 500, "plan"),
        ("charge", None, 500, UNCOLLECTED, 500, "plan"),
        ("charge", 100, None, Collection(now=False, ever=True), 100, "not_collected"),
    ],
)
def test_the_cap_and_what_sets_it(policy, allowance, hard, collection, cap, source):
    terms = resolve_meter(rule(policy, allowance, hard), collection)
    assert (terms.cap, terms.cap_source) == (cap, source)
    assert (terms.policy, terms.allowance, terms.hard_limit) == (policy, allowance, hard)


@pytest.mark.parametrize(
    ("policy", "collection", "bills"),
    [
        ("charge", COLLECTED, True),
        ("charge", UNCOLLECTED, False),
        ("charge", Collection(now=False, ever=True), True),
        ("block", COLLECTED, False),
        ("warn", COLLECTED, False),
    ],
)
def test_the_charge_is_named_only_where_it_bills(policy, collection, bills):
    terms = resolve_meter(rule(policy, 100), collection)
    assert terms.charge_id == (CHARGE if bills else None)
    assert (terms.sources.get("charge") == "not_collected") == (policy == "charge" and not bills)


def test_what_is_to_be_paid_for_as_the_work_is_done_is_refused_above_the_allowance_and_owes_nothing():
    own = replace(rule("charge", 100, 500), immediate=True)
    terms = resolve_meter(own, COLLECTED)
    assert (terms.cap, terms.cap_source, terms.charge_id, terms.sources["charge"]) == (
        100, "not_collected", None, "not_collected",
    )  # fmt: skip
    agreed = uuid4()
    terms = resolve_meter(own, COLLECTED, overrides={"charge_id": agreed})
    assert (terms.cap, terms.charge_id) == (500, agreed)


def test_a_meter_that_the_plan_does_not_mention_is_unlimited_not_billed_and_says_so():
    terms = resolve_meter(None, COLLECTED, restricted_to=None)
    assert (terms.mentioned, terms.policy, terms.cap, terms.charge_id) == (False, "warn", None, None)


def test_a_restriction_lowers_cap_and_windows_and_nothing_that_is_owed():
    free = rule("charge", 1000, per_day=500, per_minute=5)
    terms = resolve_meter(rule("charge", 50_000, per_day=100), COLLECTED, restricted_to=free)
    assert (terms.cap, terms.per_day, terms.per_minute) == (1000, 100, 5)
    assert (terms.policy, terms.allowance, terms.hard_limit, terms.charge_id) == ("charge", 50_000, None, CHARGE)
    assert terms.sources == {"cap": "restriction", "per_minute": "restriction"}


@given(
    st.sampled_from(["block", "charge", "warn"]), st.sampled_from(LIMITS), st.sampled_from(LIMITS), st.booleans(),
    st.sampled_from(["block", "charge", "warn"]), st.sampled_from(LIMITS),
)  # fmt: skip
def test_a_restriction_never_raises_anything(policy, allowance, per_day, collected, free_policy, free_allowance):
    own = MeterRule(policy, allowance, per_day=per_day or None, charge_id=CHARGE)
    collection = COLLECTED if collected else UNCOLLECTED
    before = resolve_meter(own, collection)
    after = resolve_meter(own, collection, restricted_to=MeterRule(free_policy, free_allowance, per_day=D(50)))
    for name in ("cap", "per_day"):
        was, now = getattr(before, name), getattr(after, name)
        assert now == was or (now is not None and (was is None or now < was))
    assert (after.allowance, after.policy, after.charge_id) == (before.allowance, before.policy, before.charge_id)


def test_an_override_comes_before_a_restriction_and_names_itself():
    terms = resolve_meter(rule("block", 100, per_day=10), COLLECTED, overrides={"allowance": D(300), "per_day": None})
    assert (terms.allowance, terms.cap, terms.per_day) == (300, 300, None)
    assert terms.sources == {"allowance": "override", "cap": "override", "per_day": "override"}
    held = resolve_meter(
        rule("block", 100), COLLECTED, overrides={"allowance": D(300)}, restricted_to=rule("block", 50)
    )
    assert (held.cap, held.cap_source) == (50, "restriction")


def test_an_override_can_lift_a_limit():
    terms = resolve_meter(rule("block", 100, 200), COLLECTED, overrides={"hard_limit": None, "allowance": None})
    assert (terms.cap, terms.cap_source) == (None, "override")


def test_limits_of_no_meter_are_lowered_and_features_are_not():
    plan, free = {"jobs_at_once": D(5), "file_bytes": D(10), "retention_days": None}, {"jobs_at_once": D(1)}
    limits = resolve_limits(plan, overrides={"file_bytes": D(20)}, restricted_to=free | {"file_bytes": D(30)})
    assert {key: (limit.value, limit.source) for key, limit in limits.items()} == {
        "jobs_at_once": (1, "restriction"), "file_bytes": (20, "override"), "retention_days": (None, "plan"),
    }  # fmt: skip
    assert resolve_features({"sso": True}, overrides={"sso": False})["sso"].source == "override"


@pytest.mark.parametrize(
    ("default", "amounts", "charged", "free"),
    [(True, [0], True, True), (False, [0, 0], False, True), (False, [0], True, False), (False, [], False, False),
     (False, [900], False, False)],
)  # fmt: skip
def test_nobody_collects_payment_for_a_plan_that_can_never_cost_anything(default, amounts, charged, free):
    assert is_free(default=default, amounts=amounts, charged=charged) is free


@pytest.mark.parametrize(
    ("subscribed", "own", "priced", "currency"),
    [("GBP", "SEK", ["CHF"], "GBP"), (None, "SEK", ["CHF"], "SEK"), (None, None, ["CHF", "EUR"], "CHF"),
     (None, None, ["CHF", "USD"], "USD"), (None, None, [], "USD")],
)  # fmt: skip
def test_the_currency_is_the_subscriptions_then_the_orgs_then_the_plans(subscribed, own, priced, currency):
    assert choose_currency(subscribed, own, priced) == currency


def test_every_combination_of_policy_and_limits_has_the_least_of_its_caps():
    for policy, allowance, hard, free in product(["block", "charge", "warn"], LIMITS, LIMITS, LIMITS):
        terms = resolve_meter(MeterRule(policy, allowance, hard), UNCOLLECTED, restricted_to=MeterRule("block", free))
        own = (allowance if hard is None else hard) if policy == "block" else hard
        least = [own, free, allowance if policy == "charge" else None]
        assert terms.cap == min((value for value in least if value is not None), default=None)
