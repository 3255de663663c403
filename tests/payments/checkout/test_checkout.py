"""The way to Stripe's payment page: one open checkout whatever is clicked, and only one that can be paid."""

from __future__ import annotations

import threading
import time
from itertools import product

import pytest
import requests
from sqlalchemy import select, update

from app.accounts.models import Org
from app.kit.actor import SYSTEM
from app.kit.errors import Conflict, DomainError, InvalidRequest, NotAllowed, NotFound, Unavailable
from app.payments.checkout import open_checkout
from app.payments.checkout.attempts import record_attempt
from app.payments.checkout.request import AlreadyPaid, CheckoutRequest, select_price
from app.payments.checkout_models import Checkout
from app.payments.gateway import EXTENSION, get_gateway
from app.payments.models import BillingRecord, CustomerAttempt, StripePrice
from app.payments.price_push.push import push_catalog
from app.web.database import db
from tests.factories import allow_any_change
from tests.scenario import Scenario
from tests.standin import hurried
from tests.support.copy import copy

SESSIONS = "/v1/checkout/sessions"


def test_a_click_opens_one_page_with_a_pending_record(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    opened = org.opens(plan)
    [session] = scenario.sessions()
    assert (session["url"], session["status"], session["mode"]) == (opened.url, "open", "subscription")
    assert session["metadata"] == {"tollkeeper_org": str(org.id), "tollkeeper_checkout": str(opened.checkout_id)}
    assert session["client_reference_id"] == str(org.id)
    assert session["amount_total"] == 1000
    assert "session_id={CHECKOUT_SESSION_ID}" in session["success_url"]
    assert org.books == {"checkouts": ["open"], "records": ["pending"], "subscriptions": 0, "customers": 1}
    org.was_given_nothing()


def test_two_clicks_at_once_open_one_page(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    found, errors, start = [], [], threading.Barrier(2)

    def click() -> None:
        with scenario.app.app_context():
            start.wait()
            try:
                found.append(org.opens(plan))
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
    assert len(scenario.sessions()) == 1
    assert len(scenario.stripe.objects("customer")) == 1
    assert org.books["checkouts"] == ["open"]
    assert org.books["records"] == ["pending"]


def test_reload_and_back_lead_to_the_same_page(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    first = org.opens(plan)
    scenario.stripe.leave(first.url)
    scenario.later(hours=2)
    assert org.opens(plan) == first
    assert len(scenario.sessions()) == 1


@pytest.mark.slow
def test_another_choice_expires_the_older_page_and_takes_its_record(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    older = org.opens(plan)
    newer = org.opens(plan, "year")
    assert newer.url != older.url
    assert [each["status"] for each in scenario.sessions()] == ["open", "expired"]
    assert org.books["checkouts"] == ["replaced", "open"]
    scenario.session.rollback()
    [record] = scenario.session.scalars(select(BillingRecord).where(BillingRecord.org_id == org.id))
    assert (record.state, record.amount, record.checkout_id) == ("pending", 10000, newer.checkout_id)
    assert record.description.endswith("plan, yearly")
    scenario.stripe.pay(newer.url)
    assert org.returns(newer) == "paid"
    scenario.settle()
    org.has_paid_once_for(plan)
    assert org.books["checkouts"] == ["replaced", "completed"]


def test_an_older_page_cannot_be_paid_any_more(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    older = org.opens(plan)
    org.opens(plan, "year")
    tried = requests.get(older.url, timeout=5)
    assert 'id="pay"' not in tried.text
    org.was_given_nothing()


def test_an_older_page_that_was_paid_meanwhile_is_given_instead_of_a_second_one(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.pays(org.opens(plan))
    with pytest.raises(Conflict, match="earlier checkout has been paid") as told:
        org.opens(plan, "year")
    assert not isinstance(told.value, AlreadyPaid)  # what is asked for now was not given
    assert len(scenario.sessions()) == 1
    org.has_paid_once_for(plan)


def test_a_payment_on_its_way_is_not_called_given(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    opened = org.opens(plan)
    org.pays(opened)
    [session] = scenario.sessions()
    session["payment_status"] = "unpaid"  # a bank debit takes days
    with pytest.raises(Conflict, match="being processed") as told:
        org.opens(plan)
    assert not isinstance(told.value, AlreadyPaid)


def test_a_price_in_somebodys_way_keeps_no_other_plan_from_being_bought(scenario: Scenario) -> None:
    org, plan, other = scenario.org(), scenario.plan(), scenario.plan()
    product = scenario.stripe.client().v1.products.create({"name": "by hand"})
    scenario.stripe.client().v1.prices.create(
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
            org.opens(plan)
    org.pays(org.opens(other))
    assert set(org.books["checkouts"]) == {"failed", "open"}


def test_the_same_page_paid_meanwhile_is_given_too_and_then_again_nothing_opens(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.pays(org.opens(plan))
    for _ in range(2):
        with pytest.raises(AlreadyPaid):
            org.opens(plan)
    org.has_paid_once_for(plan)


def test_an_org_that_pays_is_told_what_it_can_do_about_another_plan(scenario: Scenario) -> None:
    org, plan, other = scenario.org(), scenario.plan(), scenario.plan()
    org.paying(plan)
    with pytest.raises(Conflict, match=r"needs a quote.*Nothing was charged"):
        org.opens(other)
    assert len(scenario.sessions()) == 1


def test_a_crash_after_the_row_and_before_stripe_is_made_good_by_the_next_click(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    choice = CheckoutRequest("subscription", "USD", select_price(scenario.session, org.id, plan.key, "month", "USD"))
    crashed = record_attempt(org.id, choice, None, SYSTEM, scenario.clock.now())
    assert org.books["checkouts"] == ["opening"]
    opened = org.opens(plan)
    assert opened.checkout_id == crashed.id
    assert org.books == {"checkouts": ["open"], "records": ["pending"], "subscriptions": 0, "customers": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("timeout", SESSIONS),
        *(pytest.param("timeout", path, marks=pytest.mark.long) for path in ("/v1/customers", "/v1/prices")),
        *product(("reset", "reset_before", "429"), ("/v1/customers", "/v1/prices", SESSIONS)),
    ],
)
def test_a_call_whose_answer_never_came_is_repeated_without_a_second_object(
    scenario: Scenario, kind: str, path: str
) -> None:
    org, plan = scenario.org(), scenario.plan()
    scenario.stripe.fail(kind, path=path, method="POST", seconds=3)
    usual = scenario.app.extensions[EXTENSION]
    if kind == "timeout":
        scenario.app.extensions[EXTENSION] = hurried(scenario.app)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        org.opens(plan)
    assert time.monotonic() - began < 6
    scenario.app.extensions[EXTENSION] = usual
    opened = org.opens(plan)
    assert [each["url"] for each in scenario.sessions()] == [opened.url]
    assert len(scenario.stripe.objects("customer")) == 1
    assert len(scenario.stripe.objects("price", lookup_key=f"tollkeeper_{plan.key}_v1_month_usd")) == 1
    assert org.books["checkouts"] == ["open"]
    org.pays(opened)
    org.returns(opened)
    org.has_paid_once_for(plan)


@pytest.mark.parametrize("hours", [0.2, 25], ids=["key is remembered", "key is forgotten"])
@pytest.mark.parametrize("renamed", [False, True], ids=["same name", "renamed meanwhile"])
def test_a_customer_whose_making_was_not_heard_of_is_found_however_late(
    scenario: Scenario, hours: float, renamed: bool
) -> None:
    """P24: the process dies, or the answer is lost, and the next click comes ten minutes or a day later."""
    org, plan = scenario.org(), scenario.plan()
    scenario.stripe.fail("reset", path="/v1/customers", method="POST")
    with pytest.raises(Unavailable):
        org.opens(plan)
    scenario.later(hours=hours)
    if renamed:
        org.session.execute(update(Org).where(Org.id == org.id).values(name="Another name"))
        scenario.session.commit()
    org.opens(plan)
    [made] = scenario.stripe.objects("customer")
    assert org.customer is not None
    assert org.customer.id == made["id"]


def test_a_failure_that_stripe_keeps_for_the_customer_does_not_last(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    scenario.stripe.fail("500", path="/v1/customers", method="POST")
    for _ in range(2):
        with pytest.raises(Unavailable):
            org.opens(plan)
    scenario.later(minutes=3)
    org.opens(plan)
    assert len(scenario.stripe.objects("customer")) == 1


def test_a_call_without_an_answer_is_repeated_under_its_own_key(scenario: Scenario) -> None:
    """Another key would make a second customer, since Stripe may still be busy with the call."""
    org, plan = scenario.org(), scenario.plan()
    for _ in range(2):
        scenario.stripe.fail("reset_before", path="/v1/customers", method="POST")
        with pytest.raises(Unavailable):
            org.opens(plan)
        scenario.later(minutes=3)
    org.opens(plan)
    attempts = select(CustomerAttempt).where(CustomerAttempt.org_id == org.id)
    assert len(scenario.session.scalars(attempts).all()) == 1
    assert len(scenario.stripe.objects("customer")) == 1


@pytest.mark.slow
def test_a_failure_that_stripe_keeps_under_the_key_does_not_last(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    scenario.stripe.fail("500", path="/v1/checkout/sessions", method="POST")
    for _ in range(2):
        with pytest.raises(Unavailable):
            org.opens(plan)
    scenario.later(minutes=3)
    org.pays(org.opens(plan))
    with pytest.raises(AlreadyPaid):
        org.opens(plan)
    assert org.books["checkouts"] == ["failed", "completed"]
    assert org.books["subscriptions"] == 1


def test_a_row_whose_key_stripe_has_forgotten_is_looked_for_among_the_sessions(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    opened = org.opens(plan)
    org.pays(opened)
    scenario.session.rollback()
    allow_any_change(scenario.session)
    row = scenario.session.get_one(Checkout, opened.checkout_id)
    row.session_id, row.state = None, "opening"  # as if the answer had never come
    scenario.session.commit()
    scenario.later(hours=30)
    with pytest.raises(AlreadyPaid):
        org.opens(plan)
    assert len(scenario.sessions()) == 1
    org.has_paid_once_for(plan)


def test_an_expired_page_is_followed_by_a_new_one(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    older = org.opens(plan)
    scenario.later(hours=25)
    scenario.stripe.run_due()
    newer = org.opens(plan)
    assert newer.checkout_id != older.checkout_id
    assert org.books["checkouts"] == ["expired", "open"]
    assert org.books["records"] == ["failed", "pending"]
    org.was_given_nothing()


@pytest.mark.slow
def test_a_customer_deleted_at_stripe_is_made_anew(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.opens(plan)
    customer = scenario.stripe.objects("customer")[0]["id"]
    [session] = scenario.sessions()
    scenario.stripe.client().v1.checkout.sessions.expire(session["id"])
    scenario.stripe.client().v1.customers.delete(customer)
    opened = org.opens(plan)
    org.pays(opened)
    assert org.returns(opened) == "paid"
    assert org.books["customers"] == 2


@pytest.mark.slow
def test_a_price_that_is_gone_at_stripe_is_told_in_words_and_mended_by_a_push(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.opens(plan)
    scenario.stripe.reset(scenario.clock)
    with pytest.raises(Unavailable, match=copy("returned.unpaid")):
        org.opens(plan)  # the customer is gone too, and made anew
    for each in push_catalog(get_gateway(), scenario.clock.now()):
        assert each.selection.plan_key != plan.key or each.price_id
    opened = org.opens(plan)
    org.pays(opened)
    assert org.returns(opened) == "paid"


@pytest.mark.slow
def test_a_price_that_was_archived_at_stripe_is_told_in_words_and_sold_again_after_a_push(scenario: Scenario) -> None:
    """P16"""
    org, plan = scenario.org().at_checkout(), scenario.plan()
    price = scenario.org().opens(plan) and scenario.stripe.objects("price")[0]
    scenario.stripe.client().v1.prices.update(price["id"], {"active": False})
    for _ in range(2):
        with pytest.raises(Unavailable, match=copy("returned.unpaid")):
            org.opens(plan)
    for _ in push_catalog(get_gateway(), scenario.clock.now()):
        pass
    org.pays(org.opens(plan))
    assert org.returns() == "paid"


@pytest.mark.parametrize("purpose", ["subscription", "card"])
def test_a_page_whose_customer_was_deleted_at_stripe_is_not_handed_out_again(scenario: Scenario, purpose: str) -> None:
    """P16: nobody can pay on it."""
    org, plan = scenario.org(), scenario.plan()

    def opens() -> str:
        return (org.opens(plan) if purpose == "subscription" else org.opens_card_page()).url

    dead, customer = opens(), org.customer_id
    assert opens() == dead
    scenario.stripe.client().v1.customers.delete(customer)
    scenario.stripe.lose()
    fresh = opens()
    assert fresh != dead
    visit = scenario.stripe.pay(fresh)
    assert visit.location
    assert org.returns() in {"paid", "saved"}
    assert org.books["customers"] == 2


def test_what_cannot_be_bought_is_refused_in_words_before_stripe_is_asked(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    default = scenario.default_plan()

    def ask(**changed: str) -> None:
        wanted = {"plan_key": plan.key, "interval": "month", "currency": "USD", **changed}
        open_checkout.open_checkout(org.id, **wanted, actor=SYSTEM, now=scenario.clock.now())

    with pytest.raises(NotFound):
        ask(plan_key="nope")
    with pytest.raises(Conflict):
        ask(plan_key=default.key)
    with pytest.raises(InvalidRequest, match=copy("payments.no_price", currency="EUR")):
        ask(currency="EUR")
    euros = scenario.org(currency="EUR")
    with pytest.raises(InvalidRequest, match="pays in EUR"):
        euros.opens(plan)
    assert scenario.stripe.calls == []


def test_a_suspended_org_buys_nothing(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    from app.accounts.orgs.suspension import suspend

    suspend(scenario.session, org.id, "unclear", actor=SYSTEM, now=scenario.clock.now())
    scenario.session.commit()
    with pytest.raises(NotAllowed):
        org.opens(plan)


def test_without_a_key_payments_are_off_in_plain_words(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    scenario.app.extensions["tollkeeper.stripe"] = None
    with pytest.raises(Unavailable, match=copy("payments.off")) as refused:
        org.opens(plan)
    assert refused.value.code == "payments_off"
    assert org.books["checkouts"] == []


@pytest.mark.parametrize("kind", ["slow", "reset_before", "503"])
def test_stripe_away_is_told_soon_after_the_page_limit_and_nothing_is_charged(scenario: Scenario, kind: str) -> None:
    org, plan = scenario.org(), scenario.plan()
    scenario.app.extensions[EXTENSION] = hurried(scenario.app)
    scenario.stripe.fail(kind, times=9, seconds=3)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        org.opens(plan)
    assert time.monotonic() - began < 4
    org.was_given_nothing()
    assert scenario.sessions() == []


def test_a_price_that_nobody_has_pushed_is_pushed_by_the_first_who_buys(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.opens(plan)
    scenario.session.rollback()
    [price] = scenario.session.scalars(select(StripePrice).where(StripePrice.plan_version_id == plan.version_id))
    assert (price.interval, price.amount, price.currency) == ("month", 1000, "USD")


def test_no_page_of_stripes_is_written_down(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    opened = org.opens(plan)
    scenario.session.rollback()
    dumped = [str(vars(row)) for row in scenario.session.scalars(select(Checkout).where(Checkout.org_id == org.id))]
    assert dumped
    assert opened.url not in "".join(dumped)
