"""What past periods and the running one cost on each plan, and which plan is advised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from app.kit.periods import Period
from app.statements.advice import find_best_fit
from app.statements.ahead import Pace
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterUse, UsageTerms, compute_figures
from app.statements.offers import Offer, OfferCharge, OfferMeter
from app.statements.past_usage import PastPeriod
from app.statements.plan_context import PlanContext
from app.statements.replay import Replay, ReplayedPlan, build_replay
from app.subscriptions.terms.resolver import RESTRICTION, MeterRule

D = Decimal
NOVEMBER = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def offer(key: str, fee: int | None, allowance: int, *, policy: str = "charge") -> Offer:
    charges = {("calls", "USD"): OfferCharge(uuid4(), "per_unit", {"unit_amount": "0.01"}, "period")}
    return Offer(
        key=key, name=key.title(), summary="", is_default=key == "free", public=True, version_id=uuid4(), number=1,
        prices={} if fee is None else {("USD", "month"): fee},
        meters={"calls": OfferMeter("calls", "Calls", "call", MeterRule(policy, D(allowance)))},
        charges=charges if policy == "charge" else {}, limits={}, features={},
    )  # fmt: skip


FREE, PRO, MAX = PLANS = [offer("free", 0, 1000), offer("pro", 4900, 50_000), offer("max", 19_900, 500_000)]


def on(plan: Offer, used: int = 0, *, day: int = 16, imported: int = 0, terms: UsageTerms | None = None,
       ) -> CurrentUsage:  # fmt: skip
    """An organisation on a plan, some days into November."""
    now = NOVEMBER.start + timedelta(days=day - 1)
    figures = compute_figures(
        "calls", "Calls", "call", "sum", terms=terms or plan.terms("calls", "USD"),
        use=MeterUse(D(used), imported=D(imported)), pace=Pace(NOVEMBER, NOVEMBER.start, now),
    )  # fmt: skip
    return CurrentUsage(
        org_id=UUID(int=1), plan_key=plan.key, plan_name=plan.name, plan_version=1, plan_version_id=plan.version_id,
        interval="month", currency="USD", fee=0, period=NOVEMBER, time_zone="UTC", as_of=now, ever_used=True,
        meters=[figures],
    )  # fmt: skip


def past(plan: Offer, *used: int, full: bool = False) -> list[PastPeriod]:
    """Months before November on a plan, the last one October."""
    ends = [NOVEMBER.start - timedelta(days=30 * back) for back in range(len(used))][::-1]
    met = frozenset({"calls"}) if full else frozenset()
    return [
        PastPeriod(Period(end - timedelta(days=30), end), plan.version_id, {"calls": D(each)}, met)
        for end, each in zip(ends, used, strict=True)
    ]


def replayed(usage: CurrentUsage, before: Sequence[PastPeriod], offers: Sequence[Offer] = PLANS) -> Replay:
    return build_replay(offers, PlanContext("USD", plan=usage.plan_key), usage, before)


def plan(replay: Replay, key: str) -> ReplayedPlan:
    return next(each for each in replay.plans if each.offer.key == key)


def best(usage: CurrentUsage, before: Sequence[PastPeriod]) -> str | None:
    found = find_best_fit(replayed(usage, before))
    return found.offer.key if found else None


def test_each_period_is_priced_with_its_fee_and_usage_on_each_plan() -> None:
    replay = replayed(on(PRO, 10_000, day=11), past(PRO, 60_000))
    assert [cost.amount for cost in plan(replay, "pro").costs] == [14_900, 4_900]  # 30,000 are expected in November
    assert [cost.amount for cost in plan(replay, "max").costs] == [19_900, 19_900]
    assert plan(replay, "pro").total == 19_800


def test_imports_are_priced_and_nothing_costs_less_than_nothing() -> None:
    replay = replayed(on(PRO, imported=251_524), [])
    assert plan(replay, "pro").total == 206_424
    assert all(each.total >= 0 for each in replay.plans)


def test_a_plan_that_refuses_is_priced_to_its_cap_and_does_not_fit() -> None:
    free = plan(replayed(on(PRO), past(PRO, 2000)), "free")
    assert (free.total, free.fits, free.costs[0].refused) == (0, False, ["calls"])


def test_the_own_plan_is_the_own_version_with_what_was_agreed() -> None:
    agreed = UsageTerms("charge", D(80_000), None, PRO.terms("calls", "USD").charge)
    newer = offer("pro", 9900, 10_000)
    replay = replayed(on(PRO, terms=agreed), past(PRO, 85_000), [FREE, PRO, newer])
    own, other = (each for each in replay.plans if each.offer.key == "pro")
    assert (own.own, own.costs[0].amount) == (True, 4_900 + 5_000)
    assert (other.own, other.costs[0].amount) == (False, 9_900 + 75_000)


def test_a_restriction_is_no_part_of_the_own_plan() -> None:
    held = UsageTerms("charge", D(50_000), D(1000), PRO.terms("calls", "USD").charge, RESTRICTION)
    own = plan(replayed(on(PRO, terms=held), past(PRO, 60_000)), "pro")
    assert (own.costs[0].amount, own.fits) == (14_900, True)


def test_a_trial_is_priced_as_the_plan_is_afterwards() -> None:
    tried = replace(on(PRO, 30_000, terms=UsageTerms("charge", D(50_000), D(50_000))), is_trial=True)
    assert [cost.amount for cost in plan(replayed(tried, []), "pro").costs] == [4_900 + 10_000]


def test_what_was_owed_before_a_change_is_part_of_the_running_period() -> None:
    own = plan(replayed(replace(on(PRO, 100), owed_before=7_000), []), "pro")
    assert own.costs[0].usage == 7_000


@pytest.mark.parametrize(("now", "advised"), [(0, "free"), (30_000, "pro"), (300_000, "max")])
def test_advice_reads_the_running_period_and_its_forecast(now: int, advised: str) -> None:
    """With 60,000 calls expected on Pro, last month's 100 are no reason to go down to Free."""
    assert best(on(PRO, now), past(PRO, 100)) == advised


def test_advice_reads_the_worst_of_the_past_months_too() -> None:
    assert best(on(PRO, 10), past(PRO, 900, 5_000, 900)) == "pro"


def test_right_after_an_upgrade_no_lower_plan_is_advised() -> None:
    """The running period is empty, and the months before were used under the lower plan's limits."""
    assert best(on(PRO, day=1), past(FREE, 900)) == "pro"
    assert best(on(PRO, 3, day=12), past(FREE, 900)) == "pro"
    assert best(on(PRO, day=1), past(PRO, 900)) == "pro"  # no forecast yet
    assert best(on(PRO, 3, day=12), past(PRO, 900)) == "free"


def test_a_limit_that_was_reached_may_have_refused_more() -> None:
    free = plan(replayed(on(FREE, 10), past(FREE, 1000, full=True)), "free")
    assert (free.costs[0].refused, free.costs[0].short, free.fits) == ([], ["calls"], False)
    assert best(on(FREE, 10), past(FREE, 1000, full=True)) == "pro"


def test_no_plan_is_advised_on_which_the_running_period_is_dearer() -> None:
    """Max was cheaper over three months with a peak. At what is used now it costs more than Pro."""
    assert plan(replayed(on(PRO, 10), past(PRO, 100_000, 10)), "max").total < 70_000
    assert best(on(PRO, 10), past(PRO, 100_000, 10)) == "pro"


def test_a_price_that_is_not_known_advises_nothing() -> None:
    assert best(replace(on(PRO, 900), own_price=True), past(PRO, 900)) is None
    custom = offer("enterprise", None, 10**6)
    assert find_best_fit(replayed(on(custom, 900), past(custom, 900), [*PLANS, custom])) is None


def test_nothing_used_advises_nothing() -> None:
    assert best(on(PRO), []) is None
