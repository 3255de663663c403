"""Pay for overage is switched on while card or plan goes: no consent is left without the one, or for another plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.admin.plans import AssignablePlan, assign_plan_and_move_usage
from app.catalog.queries import find_default_version
from app.kit.actor import SYSTEM
from app.kit.clock import Clocks
from app.kit.errors import Conflict
from app.payments import queries as payments
from app.payments.mirrors.sync_customer import sync_customer
from app.payments.payment_methods.pay_for_overage import pay_for_overage
from app.stripe_gateway.types import Customer
from app.subscriptions.overage.consents import find_consent
from app.web.database import transaction
from tests.billing_runs.test_pay_for_overage import free
from tests.scenario import Org, Scenario
from tests.standin import StandIn
from tests.support.installation import app_on

__all__ = ["free"]

Act = Callable[[Session], object]
_WAITS = text("""
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND NOT granted AND (classid::bigint << 32) + objid::bigint = :key
""")


@pytest.fixture(scope="module")
def app(database: str, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """The app with payments on."""
    with app_on(database, clocks, **stripe_server.stripe_settings()) as made:
        yield made


def switching_on(org: Org) -> Act:
    """The press, for the card and the plan that the page showed just before."""
    with transaction() as session:
        version, customer = find_default_version(session), payments.find_customer(session, org.id)
        assert version
        assert customer
        shown = version.id, str(customer.card_id)
    return lambda session: pay_for_overage(session, org.id, *shown, actor=SYSTEM, now=org.now)


def removing_the_card(org: Org) -> Act:
    """What we do once Stripe says that the customer has no card any more."""
    remote = Customer(
        id=str(org.customer_id), email=None, org_id=org.id, delinquent=False, deleted=False, card=None, created_at=None
    )
    return lambda session: sync_customer(session, org.id, remote, org.now)


def moving_to(org: Org, scenario: Scenario) -> Act:
    """Staff assign a plan with a fee."""
    choice = AssignablePlan(scenario.plan(policy="charge").version_id, "month", "USD", "Another plan")
    return lambda session: assign_plan_and_move_usage(session, org.id, choice, actor=SYSTEM, now=org.now)


def one_after_the_other(scenario: Scenario, org: Org, first: Act, second: Act) -> str | None:
    """The second begins while the transaction of the first is open, and waits for it; returns why it was refused."""
    with ThreadPoolExecutor(1) as threads:
        with transaction() as session:
            first(session)
            waiting = threads.submit(run, scenario, second)
            until = time.monotonic() + 20
            while not _is_waited_for(session, org) and time.monotonic() < until:
                time.sleep(0.005)
            assert _is_waited_for(session, org), "the second went on beside the first"
        return waiting.result()


def run(scenario: Scenario, act: Act, ready: Barrier | None = None) -> str | None:
    """One act in a transaction and a context of its own; returns why it was refused."""
    with scenario.app.app_context():
        if ready is not None:
            ready.wait(20)
        try:
            with transaction() as session:
                act(session)
        except Conflict as refused:
            return refused.detail
    return None


def _is_waited_for(session: Session, org: Org) -> bool:
    key = session.scalar(select(func.usage_lock(org.id)))
    return bool(session.scalar(_WAITS, {"key": key}))


def is_on(org: Org) -> bool:
    with transaction() as session:
        return find_consent(session, org.id) is not None


def has_card(org: Org) -> bool:
    with transaction() as session:
        customer = payments.find_customer(session, org.id)
        return customer is not None and customer.card_id is not None


def test_a_card_that_goes_while_it_is_switched_on_ends_the_consent(scenario: Scenario, free: Org) -> None:
    refused = one_after_the_other(scenario, free, switching_on(free), removing_the_card(free))
    assert (refused, has_card(free), is_on(free), free.may_use(1_001)) == (None, False, False, False)


def test_it_is_not_switched_on_for_a_card_that_is_going(scenario: Scenario, free: Org) -> None:
    """The press reads the card once the removal is done, not as it was when the press came."""
    refused = one_after_the_other(scenario, free, removing_the_card(free), switching_on(free))
    assert refused is not None
    assert refused.startswith("Add a card first.")
    assert (has_card(free), is_on(free)) == (False, False)


def test_a_plan_assigned_while_it_is_switched_on_ends_the_consent(scenario: Scenario, free: Org) -> None:
    refused = one_after_the_other(scenario, free, switching_on(free), moving_to(free, scenario))
    assert (refused, is_on(free)) == (None, False)
    assert free.subscription is not None


def test_it_is_not_switched_on_for_a_plan_that_is_being_left(scenario: Scenario, free: Org) -> None:
    refused = one_after_the_other(scenario, free, moving_to(free, scenario), switching_on(free))
    assert refused is not None
    assert not is_on(free)


@pytest.mark.parametrize("other", ["card", "plan"])
def test_whoever_is_first_no_consent_is_left_without_what_it_rests_on(
    scenario: Scenario, free: Org, other: str
) -> None:
    against = removing_the_card(free) if other == "card" else moving_to(free, scenario)
    acts: list[Act] = [switching_on(free), against, switching_on(free)]
    scenario.session.rollback()
    ready = Barrier(len(acts))
    with ThreadPoolExecutor(len(acts)) as threads:
        done: list[Any] = list(threads.map(lambda act: run(scenario, act, ready), acts))
    assert done[1] is None
    assert not is_on(free)
