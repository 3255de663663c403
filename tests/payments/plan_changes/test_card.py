"""A change of plan is charged to the card chosen last, also while Stripe's events about it are still on their way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.payments.billing_contact.send_contact import send_contact
from app.payments.gateway import get_gateway
from tests.payments.plan_changes.test_confirm import DECLINES, changes, confirm, quoted, started, unchanged
from tests.scenario import Org, Scenario


def hears_nothing(scenario: Scenario, org: Org) -> None:
    """Nobody has told us of the card."""
    assert org.customer is not None
    assert org.customer.card_last4 == "4242"


def sends_contact(scenario: Scenario, org: Org) -> None:
    """The billing contact is sent meanwhile; the answer has the customer's new card."""
    send_contact(get_gateway(), org.id, scenario.clock.at)
    assert org.customer is not None
    assert org.customer.card_last4 == "0341"


@pytest.mark.parametrize("meanwhile", [hears_nothing, sends_contact])
@pytest.mark.slow
def test_a_change_is_charged_to_the_card_chosen_just_before_it(
    scenario: Scenario, meanwhile: Callable[[Scenario, Org], None]
) -> None:
    org, dearer = started(scenario)
    org.with_card(DECLINES)
    meanwhile(scenario, org)
    result = confirm(org, quoted(org, dearer))
    assert (result.state, result.amount) == ("declined", 1500)
    assert org.customer is not None
    assert org.customer.card_last4 == "0341"
    unchanged(scenario, org)
    scenario.settle()
    unchanged(scenario, org)
    assert [row.state for row in changes(scenario, org)] == ["waiting"]
