"""What a version would change: it says of a running period what its page says, and foretells what a move brings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.billing_runs.run import run_billing
from app.catalog import queries as catalog
from app.statements.blast.effects import BlastRadius, CostChange, OrgEffect
from app.statements.blast.radius import find_blast_radius, find_monthly_price, list_effects
from app.statements.blast.version import PricedVersion, load_priced_version
from app.statements.current_usage import get_current_usage
from app.subscriptions.models import Subscription
from app.web.database import transaction
from tests import factories
from tests.billing_runs.patience import patiently
from tests.factories import MadePlan, unique
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.support.crowd import copy_org


@contextmanager
def reading(scenario: Scenario) -> Iterator[Session]:
    scenario.session.rollback()
    with transaction() as session:
        yield session


def newest(session: Session, plan: MadePlan) -> PricedVersion:
    version = catalog.find_newest_version(session, plan.key)
    assert version is not None
    return load_priced_version(session, version)


def radius_of(scenario: Scenario, plan: MadePlan, **options: int) -> BlastRadius:
    with reading(scenario) as session:
        return find_blast_radius(session, newest(session, plan), scenario.clock.at, **options)


def only(radius: BlastRadius, org: Org) -> OrgEffect:
    [effect] = [each for each in radius.effects if each.org_id == org.id]
    return effect


def own_cost(scenario: Scenario, org: Org) -> int:
    with reading(scenario) as session:
        return get_current_usage(session, org.id, scenario.clock.at).cost


@pytest.fixture
def plan(scenario: Scenario) -> MadePlan:
    """Version 1: 100 units for 10 dollars, a cent each above."""
    scenario.at("2026-11-20 12:00")
    return scenario.plan(allowance=100, policy="charge")


def test_now_is_what_the_page_says_and_the_rest_what_a_move_brings(scenario: Scenario, plan: MadePlan) -> None:
    org = scenario.org().on(plan).uses(300, meter=plan.meter)
    factories.publish_again(scenario.session, plan, allowance=250, policy="charge")
    effect = only(radius_of(scenario, plan), org)
    assert effect.running.before == own_cost(scenario, org) == 1000 + 200
    scenario.at("2026-12-05 12:00")
    org.on(plan.key, since="2026-12-05 12:00").uses(300, meter=plan.meter, at="2026-12-05 12:00")
    assert effect.running.after == own_cost(scenario, org) == 1200 + 50


def test_an_override_holds_under_the_new_version_too(scenario: Scenario, plan: MadePlan) -> None:
    org = scenario.org().on(plan).agrees(f"allowance:{plan.meter}", "290").uses(300, meter=plan.meter)
    factories.publish_again(scenario.session, plan, allowance=120, policy="charge")
    effect = only(radius_of(scenario, plan), org)
    assert effect.running == CostChange(1000 + 10, 1200 + 10)


def test_who_used_more_than_a_limit_allows_is_named(scenario: Scenario, plan: MadePlan) -> None:
    above, below = (scenario.org(name=unique(name)).on(plan) for name in ("Above", "Below"))
    above.uses(300, meter=plan.meter)
    below.uses(40, meter=plan.meter)
    factories.publish_again(scenario.session, plan, allowance=50, policy="block")
    radius = radius_of(scenario, plan)
    assert only(radius, above).exceeded == ["Units"]
    assert not only(radius, below).exceeded
    assert (radius.orgs, radius.exceeding, radius.complete) == (2, 1, True)


def test_the_last_closed_period_is_rated_by_both(scenario: Scenario, plan: MadePlan) -> None:
    org = scenario.org().on(plan).uses(400, meter=plan.meter)
    scenario.at("2026-12-03 12:00")
    org.with_period()
    patiently(partial(run_billing, None, scenario.clock.at, timedelta(0), org.id))
    factories.publish_again(scenario.session, plan, allowance=350, policy="charge")
    effect = only(radius_of(scenario, plan), org)
    assert effect.closed == CostChange(1000 + 300, 1200 + 50)
    assert effect.running == CostChange(1000, 1200)


@pytest.mark.slow
def test_fees_of_all_are_summed_though_usage_is_rated_for_some(scenario: Scenario, plan: MadePlan) -> None:
    for interval in ("month", "month", "year"):
        scenario.org().on(plan, interval=interval).with_period()
    factories.publish_again(scenario.session, plan, allowance=100, policy="charge")
    radius = radius_of(scenario, plan, most=2)
    assert (radius.orgs, len(radius.effects), radius.complete) == (3, 2, False)
    [revenue] = radius.revenue
    assert (revenue.currency, revenue.orgs, revenue.unsold) == ("USD", 3, 0)
    assert revenue.monthly == CostChange(2 * 1000 + 833, 2 * 1200 + 1000)


@pytest.mark.slow
def test_hundreds_are_rated_to_the_cent_by_a_bounded_number_of_statements(scenario: Scenario, plan: MadePlan) -> None:
    first = scenario.org().on(plan).uses(300, meter=plan.meter)
    used = [300, *range(450)]
    copy_org(scenario.session, first.id, used[1:])
    factories.publish_again(scenario.session, plan, allowance=250, policy="charge")
    with scenario.statements() as asked:
        radius = radius_of(scenario, plan)
    assert (radius.orgs, len(radius.effects), radius.complete) == (451, 451, True)
    [sums] = radius.sums
    now, then = (sum(fee + max(0, each - free) for each in used) for fee, free in ((1000, 100), (1200, 250)))
    assert (sums.orgs, sums.running) == (451, CostChange(now, then))
    assert radius.dearer == sum(200 + max(0, each - 250) > max(0, each - 100) for each in used)
    assert len(asked) <= 45, asked


def test_everybody_is_listed_page_by_page(scenario: Scenario, plan: MadePlan) -> None:
    first = scenario.org().on(plan).uses(300, meter=plan.meter)
    everybody = {first.id, *copy_org(scenario.session, first.id, range(6))}
    factories.publish_again(scenario.session, plan, allowance=250, policy="charge")
    whole = {each.org_id: each for each in radius_of(scenario, plan).effects}
    found, after = [], None
    with reading(scenario) as session:
        while page := list_effects(session, newest(session, plan), scenario.clock.at, 1, after=after, limit=3):
            found, after = [*found, *page], page[-1].org_id
    assert [each.org_id for each in found] == sorted(everybody)
    assert all(whole[each.org_id] == each for each in found)


def test_one_version_alone_can_be_looked_at(scenario: Scenario, plan: MadePlan) -> None:
    first = scenario.org().on(plan).with_period()
    factories.publish_again(scenario.session, plan, allowance=100, policy="charge")
    scenario.org().on(plan.key).with_period()
    radius = radius_of(scenario, plan, number=1)
    assert [each.org_id for each in radius.effects] == [first.id]
    assert radius.revenue[0].orgs == 1


def test_who_pays_by_what_the_version_is_not_sold_by_is_not_counted(scenario: Scenario, plan: MadePlan) -> None:
    org = scenario.org().on(plan).with_period()
    with reading(scenario) as session:
        version = replace(newest(session, plan), prices={("USD", "year"): 1})
        radius = find_blast_radius(session, version, scenario.clock.at)
    assert (only(radius, org).sold, radius.unsold, radius.sums) == (False, 1, [])
    assert (radius.revenue[0].unsold, radius.revenue[0].monthly) == (1, CostChange(0, 0))


def test_a_trial_is_free_now_and_under_the_version(scenario: Scenario, plan: MadePlan) -> None:
    org = scenario.org().on(plan).uses(50, meter=plan.meter)
    ends = (
        update(Subscription)
        .where(Subscription.org_id == org.id)
        .values(
            trial_starts_at=factories.utc("2026-11-01 00:00"),
            trial_ends_at=factories.utc("2026-12-01 00:00"),
            collection="stripe",
            state="trialing",
        )
    )
    scenario.session.execute(ends)
    scenario.session.commit()
    factories.publish_again(scenario.session, plan, allowance=20, policy="charge")
    effect = only(radius_of(scenario, plan), org)
    assert effect.running == CostChange(own_cost(scenario, org), 0) == CostChange(0, 0)


def test_an_org_without_a_subscription_pays_no_fee(scenario: Scenario) -> None:
    plan = scenario.default_plan()
    org = scenario.org().with_period()
    with reading(scenario) as session:
        radius = find_blast_radius(session, newest(session, plan), scenario.clock.at, most=100_000)
    effect = only(radius, org)
    assert (effect.running, effect.sold, effect.interval) == (CostChange(0, 0), True, None)


@pytest.mark.parametrize(
    ("amount", "interval", "expected"), [(1000, "month", 1000), (10_000, "year", 833), (6, "year", 1)]
)
def test_a_years_fee_counts_a_twelfth_a_month(amount: int, interval: str, expected: int) -> None:
    assert find_monthly_price(amount, interval) == expected
