"""The mirror of a customer follows Stripe, and is one org's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.payments import queries
from app.payments.errors import NotOurs
from app.payments.mirrors.sync_customer import sync_customer
from app.payments.models import StripeCustomer
from app.stripe_gateway.types import Card, Customer
from tests.factories import unique
from tests.scenario import Scenario
from tests.today import NOON

CARD = Card("pm_1", "visa", "4242", 12, 2034, NOON)


def customer(**more: object) -> Customer:
    made = Customer(unique("cus"), "a@example.com", None, delinquent=False, deleted=False, card=CARD,
                    created_at=NOON)  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def test_the_mirror_follows_email_card_and_standing(scenario: Scenario) -> None:
    org, found = scenario.org(), customer()
    sync_customer(scenario.session, org.id, found, NOON)
    mirror = sync_customer(
        scenario.session, org.id, replace(found, email="b@example.com", delinquent=True, card=None), NOON
    )
    assert (mirror.email, mirror.delinquent, mirror.card_last4) == ("b@example.com", True, None)
    assert queries.find_customer(scenario.session, org.id) is mirror


def test_a_deleted_customer_stays_deleted_and_makes_room_for_another(scenario: Scenario) -> None:
    org, found = scenario.org(), customer()
    sync_customer(scenario.session, org.id, found, NOON)
    gone = Customer(found.id, None, None, delinquent=False, deleted=True, card=None, created_at=None)
    assert sync_customer(scenario.session, org.id, gone, NOON).deleted_at == NOON
    late = sync_customer(scenario.session, org.id, found, NOON)
    assert (late.deleted_at, late.email, late.card_last4) == (NOON, None, None)
    assert queries.find_customer(scenario.session, org.id) is None
    assert sync_customer(scenario.session, org.id, customer(), NOON).deleted_at is None


def test_a_customer_of_another_org_is_not_taken_over(scenario: Scenario) -> None:
    org, other, found = scenario.org(), scenario.org(), customer()
    sync_customer(scenario.session, org.id, found, NOON)
    with pytest.raises(NotOurs):
        sync_customer(scenario.session, other.id, found, NOON)
    with pytest.raises(NotOurs):
        sync_customer(scenario.session, other.id, customer(org_id=org.id), NOON)


def test_a_second_customer_of_an_org_is_refused(scenario: Scenario) -> None:
    org = scenario.org()
    sync_customer(scenario.session, org.id, customer(), NOON)
    with pytest.raises(NotOurs, match="second"):
        sync_customer(scenario.session, org.id, customer(), NOON)


def test_events_of_a_customer_change_its_mirror(scenario: Scenario) -> None:
    org = scenario.org().paying()
    mirror = queries.find_customer(scenario.session, org.id)
    assert mirror is not None
    assert (mirror.card_brand, mirror.card_last4) == ("visa", "4242")  # the card of the subscription
    scenario.stripe.client().v1.customers.update(mirror.id, {"email": "new@example.com"})
    scenario.settle()
    scenario.session.rollback()
    assert scenario.session.get_one(StripeCustomer, mirror.id).email == "new@example.com"
    assert scenario.session.get_one(StripeCustomer, mirror.id).card_last4 == "4242"
    scenario.stripe.client().v1.customers.delete(mirror.id)
    scenario.settle()
    scenario.session.rollback()
    assert scenario.session.get_one(StripeCustomer, mirror.id).deleted_at is not None
    assert queries.find_open_subscription(scenario.session, org.id) is None
