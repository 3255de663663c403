"""Terms in a trial (rule 2.6): the whole allowance, refused above it unless the plan says `charge`, never billed."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from app.subscriptions.terms.resolver import COLLECTED, UNCOLLECTED, MeterRule, resolve_meter

D = Decimal
CHARGE = uuid4()


@pytest.mark.parametrize(
    ("trial", "policy", "allowance", "hard", "cap", "source"),
    [
        ("block", "block", 100, None, 100, "plan"),
        ("block", "charge", 100, None, 100, "trial"),
        ("block", "charge", 100, 500, 100, "trial"),
        ("block", "charge", 100, 100, 100, "plan"),
        ("block", "warn", 100, None, 100, "trial"),
        ("block", "charge", None, 500, 500, "plan"),
        ("charge", "charge", 100, None, None, "plan"),
        ("charge", "charge", 100, 500, 500, "plan"),
        ("charge", "block", 100, None, 100, "plan"),
    ],
)
def test_the_cap_in_a_trial_and_what_sets_it(trial, policy, allowance, hard, cap, source):
    numbers = [None if value is None else D(value) for value in (allowance, hard)]
    terms = resolve_meter(MeterRule(policy, *numbers, charge_id=CHARGE), COLLECTED, trial=trial)
    assert (terms.cap, terms.cap_source) == (cap, source)
    assert (terms.policy, terms.allowance, terms.hard_limit) == (policy, *numbers)


@pytest.mark.parametrize("trial", ["block", "charge"])
@pytest.mark.parametrize("collection", [COLLECTED, UNCOLLECTED])
@pytest.mark.parametrize("overrides", [{}, {"policy": "charge", "charge_id": uuid4()}])
def test_nothing_used_in_a_trial_is_billed(trial, collection, overrides):
    terms = resolve_meter(MeterRule("charge", D(100), charge_id=CHARGE), collection, overrides=overrides, trial=trial)
    assert (terms.charge_id, terms.sources["charge"]) == (None, "trial")


def test_a_meter_that_the_plan_does_not_mention_stays_unlimited_in_a_trial():
    assert resolve_meter(None, COLLECTED, trial="block").cap is None


def test_a_restriction_comes_after_the_trial():
    own, free = MeterRule("charge", D(100), charge_id=CHARGE), MeterRule("block", D(10))
    terms = resolve_meter(own, COLLECTED, trial="block", restricted_to=free)
    assert (terms.cap, terms.cap_source) == (10, "restriction")
