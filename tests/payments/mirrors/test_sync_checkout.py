"""A checkout follows its session; closed is closed, but money that came counts."""

from __future__ import annotations

import pytest

from app.payments import queries
from app.payments.gateway import get_gateway
from app.payments.mirrors.sync_checkout import close_checkout, sync_checkout
from app.payments.tasks import resolve_pending_payments
from app.stripe_gateway import checkout
from tests.scenario import Org, Scenario
from tests.support.copy import copy
from tests.today import NOON


def state(scenario: Scenario, org: Org) -> tuple[str, str]:
    record = org.record
    return queries.get_checkout(scenario.session, org.id, org.checkout_id).state, record.state


@pytest.mark.slow
def test_a_paid_session_completes_the_checkout_and_its_record(scenario: Scenario) -> None:
    org = scenario.org().buys(returns=False)
    assert state(scenario, org) == ("open", "pending")
    scenario.settle()
    assert state(scenario, org) == ("completed", "completed")
    record = org.record
    assert (record.card_brand, record.card_last4, record.amount) == ("visa", "4242", 1000)
    assert (record.transaction_id or "").startswith("pi_")


def test_an_expired_session_closes_the_checkout_and_fails_its_record(scenario: Scenario) -> None:
    org = scenario.org().at_checkout()
    scenario.later(hours=25)
    scenario.settle()
    assert state(scenario, org) == ("expired", "failed")
    assert org.record.failure == copy("payments.left")


def test_a_session_of_another_org_is_nobodys(scenario: Scenario) -> None:
    org = scenario.org().at_checkout()
    found = checkout.retrieve_session(get_gateway(), org.session_id())
    assert sync_checkout(scenario.session, scenario.org().id, found, NOON) is None


@pytest.mark.slow
def test_a_checkout_given_up_and_paid_all_the_same_counts(scenario: Scenario) -> None:
    org = scenario.org().buys(returns=False)
    row = queries.get_checkout(scenario.session, org.id, org.checkout_id)
    close_checkout(scenario.session, row, "failed", "Given up.", NOON)
    scenario.session.commit()
    assert state(scenario, org) == ("failed", "failed")
    scenario.settle()
    assert state(scenario, org) == ("completed", "completed")


@pytest.mark.slow
def test_a_checkout_that_nothing_was_heard_of_is_asked_about(scenario: Scenario) -> None:
    org = scenario.org().buys(returns=False)
    scenario.stripe.hold()
    resolve_pending_payments()
    assert state(scenario, org) == ("open", "pending")  # younger than two minutes: its events are on their way
    scenario.later(minutes=3)
    resolve_pending_payments()
    assert state(scenario, org) == ("completed", "completed")
    assert queries.find_open_subscription(scenario.session, org.id) is not None
