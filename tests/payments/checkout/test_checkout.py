"""The way to Stripe's payment page: one open checkout whatever is clicked, and only one that can be paid."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
import requests
from sqlalchemy import select

from app.kit.actor import SYSTEM
from app.kit.errors import Conflict, DomainError, InvalidRequest, NotAllowed, NotFound, Unavailable
from app.payments.checkout import open_checkout
from app.payments.checkout.attempts import record_attempt
from app.payments.checkout.request import AlreadyPaid, CheckoutRequest, select_price
from app.payments.gateway import EXTENSION, get_gateway
from app.payments.models import BillingRecord, Checkout, StripePrice
from app.payments.price_push.push import push_catalog
from app.web.database import db
from tests import factories
from tests.payments.till import Till
from tests.standin import hurried


def test_a_click_opens_one_page_with_a_pending_record(till: Till) -> None:
    org, plan = till.org(), till.plan()
    opened = till.open(org, plan)
    [session] = till.sessions()
    assert (session["url"], session["status"], session["mode"]) == (opened.url, "open", "subscription")
    assert session["metadata"] == {"tollkeeper_org": str(org), "tollkeeper_checkout": str(opened.checkout_id)}
    assert session["client_reference_id"] == str(org)
    assert session["amount_total"] == 1000
    assert "session_id={CHECKOUT_SESSION_ID}" in session["success_url"]
    assert till.books(org) == {"checkouts": ["open"], "records": ["pending"], "subscriptions": 0, "customers": 1}
    till.nothing_given(org)


def test_two_clicks_at_once_open_one_page(till: Till) -> None:
    org, plan = till.org(), till.plan()
    found, errors, start = [], [], threading.Barrier(2)

    def click() -> None:
        with till.app.app_context():
            start.wait()
            try:
                found.append(till.open(org, plan))
            except DomainError as error:
                errors.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), errors) == (2, [])
    assert found[0] == found[1]
    assert len(till.sessions()) == 1
    assert len(till.standin.objects("customer")) == 1
    assert till.books(org)["checkouts"] == ["open"]
    assert till.books(org)["records"] == ["pending"]


def test_reload_and_back_lead_to_the_same_page(till: Till) -> None:
    org, plan = till.org(), till.plan()
    first = till.open(org, plan)
    till.standin.leave(first.url)
    till.clock.advance(timedelta(hours=2))
    assert till.open(org, plan) == first
    assert len(till.sessions()) == 1


def test_another_choice_expires_the_older_page_and_takes_its_record(till: Till) -> None:
    org, plan = till.org(), till.plan()
    older = till.open(org, plan)
    newer = till.open(org, plan, "year")
    assert newer.url != older.url
    assert [each["status"] for each in till.sessions()] == ["open", "expired"]
    assert till.books(org)["checkouts"] == ["replaced", "open"]
    till.session.rollback()
    [record] = till.session.scalars(select(BillingRecord).where(BillingRecord.org_id == org))
    assert (record.state, record.amount, record.checkout_id) == ("pending", 10000, newer.checkout_id)
    assert record.description.endswith("plan, yearly")
    till.standin.pay(newer.url)
    assert till.fulfil(org, till.session_id(newer)) == "paid"
    till.webhooks()
    till.paid_once(org, plan)
    assert till.books(org)["checkouts"] == ["replaced", "completed"]


def test_an_older_page_cannot_be_paid_any_more(till: Till) -> None:
    org, plan = till.org(), till.plan()
    older = till.open(org, plan)
    till.open(org, plan, "year")
    tried = requests.get(older.url, timeout=5)
    assert 'id="pay"' not in tried.text
    till.nothing_given(org)


def test_an_older_page_that_was_paid_meanwhile_is_given_instead_of_a_second_one(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.pay(till.open(org, plan))
    with pytest.raises(Conflict, match="earlier checkout has been paid") as told:
        till.open(org, plan, "year")
    assert not isinstance(told.value, AlreadyPaid)  # what is asked for now was not given
    assert len(till.sessions()) == 1
    till.paid_once(org, plan)


def test_a_payment_on_its_way_is_not_called_given(till: Till) -> None:
    org, plan = till.org(), till.plan()
    opened = till.open(org, plan)
    till.pay(opened)
    [session] = till.sessions()
    session["payment_status"] = "unpaid"  # a bank debit takes days
    with pytest.raises(Conflict, match="being processed") as told:
        till.open(org, plan)
    assert not isinstance(told.value, AlreadyPaid)


def test_a_price_in_somebodys_way_keeps_no_other_plan_from_being_bought(till: Till) -> None:
    org, plan, other = till.org(), till.plan(), till.plan()
    product = till.standin.client().v1.products.create({"name": "by hand"})
    till.standin.client().v1.prices.create(
        {
            "product": product.id,
            "currency": "usd",
            "unit_amount": 1,
            "recurring": {"interval": "month"},
            "lookup_key": f"tollkeeper_{plan.key}_v1_month_usd",
        }
    )
    for _ in range(2):
        with pytest.raises(Conflict, match="cannot be purchased"):
            till.open(org, plan)
    till.pay(till.open(org, other))
    assert set(till.books(org)["checkouts"]) == {"failed", "open"}


def test_the_same_page_paid_meanwhile_is_given_too_and_then_again_nothing_opens(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.pay(till.open(org, plan))
    for _ in range(2):
        with pytest.raises(AlreadyPaid):
            till.open(org, plan)
    till.paid_once(org, plan)


def test_an_org_that_pays_is_told_what_it_can_do_about_another_plan(till: Till) -> None:
    org, plan, other = till.org(), till.plan(), till.plan()
    till.bought(org, plan)
    with pytest.raises(Conflict, match=r"cancel it on the billing page.*Nothing was charged"):
        till.open(org, other)
    assert len(till.sessions()) == 1


def test_a_crash_after_the_row_and_before_stripe_is_made_good_by_the_next_click(till: Till) -> None:
    org, plan = till.org(), till.plan()
    choice = CheckoutRequest("subscription", "USD", select_price(till.session, org, plan.key, "month", "USD"))
    crashed = record_attempt(org, choice, None, SYSTEM, till.clock.now())
    assert till.books(org)["checkouts"] == ["opening"]
    opened = till.open(org, plan)
    assert opened.checkout_id == crashed.id
    assert till.books(org) == {"checkouts": ["open"], "records": ["pending"], "subscriptions": 0, "customers": 1}


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/prices", "/v1/checkout/sessions"])
@pytest.mark.parametrize("kind", ["timeout", "reset", "reset_before", "429"])
def test_a_call_whose_answer_never_came_is_repeated_without_a_second_object(till: Till, path: str, kind: str) -> None:
    org, plan = till.org(), till.plan()
    till.standin.fail(kind, path=path, method="POST", seconds=3)
    usual = till.app.extensions[EXTENSION]
    if kind == "timeout":
        till.app.extensions[EXTENSION] = hurried(till.app)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        till.open(org, plan)
    assert time.monotonic() - began < 6
    till.app.extensions[EXTENSION] = usual
    opened = till.open(org, plan)
    assert [each["url"] for each in till.sessions()] == [opened.url]
    assert len(till.standin.objects("customer")) == 1
    assert len(till.standin.objects("price", lookup_key=f"tollkeeper_{plan.key}_v1_month_usd")) == 1
    assert till.books(org)["checkouts"] == ["open"]
    till.pay(opened)
    till.fulfil(org, till.session_id(opened))
    till.paid_once(org, plan)


def test_a_failure_that_stripe_keeps_under_the_key_does_not_last(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.standin.fail("500", path="/v1/checkout/sessions", method="POST")
    for _ in range(2):
        with pytest.raises(Unavailable):
            till.open(org, plan)
    till.clock.advance(timedelta(minutes=3))
    till.pay(till.open(org, plan))
    with pytest.raises(AlreadyPaid):
        till.open(org, plan)
    assert till.books(org)["checkouts"] == ["failed", "completed"]
    assert till.books(org)["subscriptions"] == 1


def test_a_row_whose_key_stripe_has_forgotten_is_looked_for_among_the_sessions(till: Till) -> None:
    org, plan = till.org(), till.plan()
    opened = till.open(org, plan)
    till.pay(opened)
    till.session.rollback()
    row = till.session.get_one(Checkout, opened.checkout_id)
    row.session_id, row.state = None, "opening"  # as if the answer had never come
    till.session.commit()
    till.clock.advance(timedelta(hours=30))
    with pytest.raises(AlreadyPaid):
        till.open(org, plan)
    assert len(till.sessions()) == 1
    till.paid_once(org, plan)


def test_an_expired_page_is_followed_by_a_new_one(till: Till) -> None:
    org, plan = till.org(), till.plan()
    older = till.open(org, plan)
    till.clock.advance(timedelta(hours=25))
    till.standin.run_due()
    newer = till.open(org, plan)
    assert newer.checkout_id != older.checkout_id
    assert till.books(org)["checkouts"] == ["expired", "open"]
    assert till.books(org)["records"] == ["failed", "pending"]
    till.nothing_given(org)


def test_a_customer_deleted_at_stripe_is_made_anew(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.open(org, plan)
    customer = till.standin.objects("customer")[0]["id"]
    [session] = till.sessions()
    till.standin.client().v1.checkout.sessions.expire(session["id"])
    till.standin.client().v1.customers.delete(customer)
    opened = till.open(org, plan)
    till.pay(opened)
    assert till.fulfil(org, till.session_id(opened)) == "paid"
    assert till.books(org)["customers"] == 2


def test_a_price_that_is_gone_at_stripe_is_told_in_words_and_mended_by_a_push(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.open(org, plan)
    till.standin.reset(till.clock)
    with pytest.raises(Unavailable, match="Nothing was charged"):
        till.open(org, plan)  # the customer is gone too, and made anew
    for each in push_catalog(get_gateway(), till.clock.now()):
        assert each.selection.plan_key != plan.key or each.price_id
    opened = till.open(org, plan)
    till.pay(opened)
    assert till.fulfil(org, till.session_id(opened)) == "paid"


def test_what_cannot_be_bought_is_refused_in_words_before_stripe_is_asked(till: Till) -> None:
    org, plan = till.org(), till.plan()
    default = factories.have_default_plan(till.session)

    def ask(**changed: str) -> None:
        wanted = {"plan_key": plan.key, "interval": "month", "currency": "USD", **changed}
        open_checkout.open_checkout(org, **wanted, actor=SYSTEM, now=till.clock.now())

    with pytest.raises(NotFound):
        ask(plan_key="nope")
    with pytest.raises(Conflict):
        ask(plan_key=default.key)
    with pytest.raises(InvalidRequest, match="no price per month in EUR"):
        ask(currency="EUR")
    euros = till.org(currency="EUR")
    with pytest.raises(InvalidRequest, match="pays in EUR"):
        till.open(euros, plan)
    assert till.standin.calls == []


def test_a_suspended_org_buys_nothing(till: Till) -> None:
    org, plan = till.org(), till.plan()
    from app.accounts.orgs.suspension import suspend

    suspend(till.session, org, "unclear", actor=SYSTEM, now=till.clock.now())
    till.session.commit()
    with pytest.raises(NotAllowed):
        till.open(org, plan)


def test_without_a_key_payments_are_off_in_plain_words(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.app.extensions["tollkeeper.stripe"] = None
    with pytest.raises(Unavailable, match="not switched on") as refused:
        till.open(org, plan)
    assert refused.value.code == "payments_off"
    assert till.books(org)["checkouts"] == []


@pytest.mark.parametrize("kind", ["slow", "reset_before", "503"])
def test_stripe_away_is_told_soon_after_a_page_s_limit_and_nothing_is_charged(till: Till, kind: str) -> None:
    org, plan = till.org(), till.plan()
    till.app.extensions[EXTENSION] = hurried(till.app)
    till.standin.fail(kind, times=9, seconds=3)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        till.open(org, plan)
    assert time.monotonic() - began < 4
    till.nothing_given(org)
    assert till.sessions() == []


def test_a_price_that_nobody_has_pushed_is_pushed_by_the_first_who_buys(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.open(org, plan)
    till.session.rollback()
    [price] = till.session.scalars(select(StripePrice).where(StripePrice.plan_version_id == plan.version_id))
    assert (price.interval, price.amount, price.currency) == ("month", 1000, "USD")


def test_no_page_of_stripes_is_written_down(till: Till) -> None:
    org, plan = till.org(), till.plan()
    opened = till.open(org, plan)
    till.session.rollback()
    dumped = [str(vars(row)) for row in till.session.scalars(select(Checkout).where(Checkout.org_id == org))]
    assert dumped
    assert opened.url not in "".join(dumped)
