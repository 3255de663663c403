"""A checkout follows its session; closed is closed, but money that came counts."""

from __future__ import annotations

from datetime import timedelta

from app.payments import queries
from app.payments.gateway import get_gateway
from app.payments.mirrors.sync_checkout import close_checkout, sync_checkout
from app.payments.tasks import resolve_pending_payments
from app.stripe_gateway import checkout
from tests.factories import make_org
from tests.payments.conftest import Buyer, Shop
from tests.today import NOON


def state(shop: Shop, buyer: Buyer) -> tuple[str, str]:
    record = shop.record(buyer)
    return queries.get_checkout(shop.session, buyer.org_id, buyer.checkout_id).state, record.state


def test_a_paid_session_completes_the_checkout_and_its_record(shop: Shop) -> None:
    buyer = shop.buy()
    assert state(shop, buyer) == ("open", "pending")
    shop.deliver()
    assert state(shop, buyer) == ("completed", "completed")
    record = shop.record(buyer)
    assert (record.card_brand, record.card_last4, record.amount) == ("visa", "4242", 1000)
    assert (record.transaction_id or "").startswith("pi_")


def test_an_expired_session_closes_the_checkout_and_fails_its_record(shop: Shop) -> None:
    buyer = shop.visit()
    shop.clock.advance(timedelta(hours=25))
    shop.deliver()
    assert state(shop, buyer) == ("expired", "failed")
    assert shop.record(buyer).failure == "The checkout was abandoned without payment."


def test_a_session_of_another_org_is_nobodys(shop: Shop) -> None:
    buyer = shop.visit()
    found = checkout.retrieve_session(get_gateway(), buyer.session_id)
    assert sync_checkout(shop.session, make_org(shop.session).id, found, NOON) is None


def test_a_checkout_given_up_and_paid_all_the_same_counts(shop: Shop) -> None:
    buyer = shop.buy()
    row = queries.get_checkout(shop.session, buyer.org_id, buyer.checkout_id)
    close_checkout(shop.session, row, "failed", "Given up.", NOON)
    shop.session.commit()
    assert state(shop, buyer) == ("failed", "failed")
    shop.deliver()
    assert state(shop, buyer) == ("completed", "completed")


def test_a_checkout_that_nothing_was_heard_of_is_asked_about(shop: Shop) -> None:
    buyer = shop.buy()
    shop.standin.hold()
    resolve_pending_payments()
    assert state(shop, buyer) == ("open", "pending")  # younger than two minutes: its events are on their way
    shop.clock.advance(timedelta(minutes=3))
    resolve_pending_payments()
    assert state(shop, buyer) == ("completed", "completed")
    assert queries.find_open_subscription(shop.session, buyer.org_id) is not None
