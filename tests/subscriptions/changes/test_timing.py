"""When a change takes effect (rule 2.6): every pair of plans and intervals, and what has to be done first."""

from __future__ import annotations

from fractions import Fraction

import pytest

from app.subscriptions.changes.rank import PlanPrices, rank_plan
from app.subscriptions.changes.timing import (
    ChangeDecision,
    ChangeStanding,
    PricedPlan,
    decide_change,
    is_lower,
    name_change,
    settle_timing,
)

FREE = PlanPrices("free", 0, {}, is_default=True)
STARTER = PlanPrices("starter", 1, {"month": 1900, "year": 19000})
PRO = PlanPrices("pro", 2, {"month": 4900, "year": 49000})
MAX = PlanPrices("max", 3, {"month": 9900, "year": 99000})
MONTHLY = PlanPrices("monthly", 4, {"month": 14900})
YEARLY = PlanPrices("yearly", 5, {"year": 60000})
TWIN = PlanPrices("twin", 6, {"month": 4900})
CUSTOM = PlanPrices("custom", 7, {})
FINE = ChangeStanding()


def decide(current: PlanPrices, before: str, wanted: PlanPrices, after: str, at: ChangeStanding = FINE) -> str:
    decision = decide_change(PricedPlan(current, before), PricedPlan(wanted, after), at)
    return decision.timing if decision.reason is None else f"{decision.timing}: {decision.reason}"


def test_plans_rank_by_their_monthly_price_then_by_the_catalogues_order() -> None:
    ranked = sorted([MAX, TWIN, YEARLY, FREE, PRO, STARTER], key=rank_plan)
    assert [plan.key for plan in ranked] == ["free", "starter", "pro", "twin", "yearly", "max"]
    assert rank_plan(YEARLY) == (Fraction(5000), 5, "yearly")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((STARTER, "month"), (PRO, "month"), "at_once"),
        ((STARTER, "year"), (PRO, "year"), "at_once"),
        ((STARTER, "month"), (PRO, "year"), "at_once"),
        ((PRO, "month"), (PRO, "year"), "at_once"),
        ((PRO, "month"), (TWIN, "month"), "at_once"),
        ((STARTER, "month"), (YEARLY, "year"), "at_once"),
        ((PRO, "month"), (STARTER, "month"), "at_period_end"),
        ((PRO, "year"), (STARTER, "year"), "at_period_end"),
        ((PRO, "month"), (STARTER, "year"), "at_period_end"),
        ((PRO, "year"), (STARTER, "month"), "at_period_end"),
        ((PRO, "year"), (PRO, "month"), "at_period_end"),
        ((TWIN, "month"), (PRO, "month"), "at_period_end"),
        ((PRO, "year"), (MAX, "month"), "choose"),
        ((PRO, "year"), (MONTHLY, "month"), "at_period_end"),
        ((PRO, "month"), (PRO, "month"), "refused: same"),
        ((PRO, "month"), (FREE, "month"), "refused: default"),
        ((PRO, "month"), (CUSTOM, "month"), "refused: no_price"),
        ((PRO, "month"), (YEARLY, "month"), "refused: no_price"),
        ((PRO, "year"), (MONTHLY, "year"), "refused: no_price"),
    ],
)
def test_matrix(before: tuple[PlanPrices, str], after: tuple[PlanPrices, str], expected: str) -> None:
    assert decide(*before, *after) == expected


def test_who_pays_yearly_is_offered_a_higher_plan_yearly_at_once_or_monthly_then() -> None:
    decision = decide_change(PricedPlan(PRO, "year"), PricedPlan(MAX, "month"), FINE)
    assert decision.choices == [("year", "at_once"), ("month", "at_period_end")]


@pytest.mark.parametrize("reason", ["past_due", "unpaid", "paused", "pending_update", "processing"])
@pytest.mark.parametrize("wanted", [STARTER, MAX])
def test_an_open_payment_comes_first(reason: str, wanted: PlanPrices) -> None:
    standing = ChangeStanding(open_payment=reason)  # type: ignore[arg-type]
    assert decide(PRO, "month", wanted, "month", standing) == f"first: {reason}"
    assert decide(PRO, "month", PRO, "month", standing) == "refused: same"


def test_what_else_comes_first() -> None:
    assert decide(PRO, "month", MAX, "month", ChangeStanding(ending=True)) == "first: ending"
    assert decide(PRO, "month", MAX, "month", ChangeStanding(planned=True)) == "first: planned"
    assert decide(PRO, "month", STARTER, "month", ChangeStanding(planned=True)) == "at_period_end"
    assert decide(PRO, "month", MAX, "month", ChangeStanding(known_price=False)) == "first: other_price"
    assert decide(PRO, "month", MAX, "month", ChangeStanding(card="none")) == "first: no_card"
    assert decide(PRO, "month", STARTER, "month", ChangeStanding(card="none")) == "at_period_end"


def test_a_delayed_method_changes_at_the_period_end() -> None:
    assert decide(PRO, "month", MAX, "month", ChangeStanding(card="delayed")) == "at_period_end: delayed_card"


@pytest.mark.parametrize("wanted", [(STARTER, "month"), (MAX, "year"), (PRO, "year")])
def test_every_change_in_a_trial_is_at_once(wanted: tuple[PlanPrices, str]) -> None:
    assert decide(PRO, "month", *wanted, ChangeStanding(trialing=True, card="none")) == "at_once"


def test_nothing_is_done_at_once_with_a_total_below_zero() -> None:
    at_once = ChangeDecision("at_once")
    assert settle_timing(at_once, -1) == ChangeDecision("at_period_end", "credit")
    assert settle_timing(at_once, 0) == at_once
    assert settle_timing(ChangeDecision("first", "no_card"), -1) == ChangeDecision("first", "no_card")


def test_lower_is_said_of_ranked_plans_only() -> None:
    assert is_lower(PRO, STARTER)
    assert is_lower(PRO, FREE)
    assert not is_lower(PRO, MAX)
    assert not is_lower(PRO, CUSTOM)
    assert not is_lower(PRO, PRO)


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ((STARTER, "month"), (PRO, "month"), "upgraded"),
        ((STARTER, "month"), (PRO, "year"), "upgraded"),
        ((PRO, "year"), (STARTER, "month"), "downgraded"),
        ((PRO, "month"), (PRO, "year"), "interval_changed"),
        ((PRO, "month"), (PRO, "month"), "plan_changed"),
        ((PRO, "month"), (CUSTOM, "month"), "plan_changed"),
    ],
)
def test_a_change_has_a_name(before: tuple[PlanPrices, str], after: tuple[PlanPrices, str], name: str) -> None:
    assert name_change(PricedPlan(*before), PricedPlan(*after)) == name
