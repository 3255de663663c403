from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import stripe

from tests.sandbox.billing import CANCEL, DAY, Shop
from tests.standin import StandIn
from tests.standin_visit import Visit
from tests.today import FixedClock


@pytest.fixture
def shop(standin: StandIn) -> Shop:
    return Shop(standin)


def test_a_new_session_is_open_and_nothing_is_made_before_somebody_pays(shop, standin, clock):
    session = shop.checkout()
    assert (session.status, session.payment_status, session.amount_total, session.currency) == (
        "open",
        "unpaid",
        1900,
        "usd",
    )
    assert session.expires_at == session.created + DAY
    assert session.url
    assert "line_items" not in session
    assert shop.session(session.id, "line_items").line_items.data[0].price.id == shop.price
    assert shop.v1.checkout.sessions.line_items.list(session.id).data[0].amount_total == 1900
    assert not standin.objects("subscription")
    assert not standin.objects("invoice")
    assert not standin.objects("payment_intent")


def test_a_first_purchase_makes_subscription_invoice_and_payment_and_leads_back(shop, standin):
    session = shop.checkout()
    visit = standin.pay(session.url)
    assert visit.location == f"http://localhost:5000/billing/return?session_id={session.id}"
    done = shop.session(session.id, "subscription", "invoice")
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    subscription, invoice = done.subscription, done.invoice
    assert subscription.status == "active"
    assert subscription.metadata["tollkeeper_checkout"] == "co-1"
    assert subscription.latest_invoice == invoice.id
    assert subscription.default_payment_method
    item = subscription["items"].data[0]
    assert (item.price.id, item.current_period_start) == (shop.price, subscription.billing_cycle_anchor)
    assert (invoice.status, invoice.billing_reason, invoice.amount_paid, invoice.total) == (
        "paid",
        "subscription_create",
        1900,
        1900,
    )
    assert invoice.parent.subscription_details.subscription == subscription.id
    assert invoice.parent.subscription_details.metadata["tollkeeper_org"] == "org-1"
    line = invoice.lines.data[0]
    assert line.pricing.price_details.price == shop.price
    assert (line.period.start, line.period.end) == (item.current_period_start, item.current_period_end)
    assert line.parent.subscription_item_details.subscription_item == item.id


def test_a_payment_leads_to_its_invoice_and_back(shop, standin):
    subscription = shop.subscribe()
    invoice = shop.v1.invoices.retrieve(
        subscription.latest_invoice, {"expand": ["payments.data.payment.payment_intent"]}
    )
    intent = invoice.payments.data[0].payment.payment_intent
    assert (intent.status, intent.amount_received) == ("succeeded", 1900)
    found = shop.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent.id}})
    assert [tie.invoice for tie in found.data] == [invoice.id]
    assert "payments" not in shop.v1.invoices.retrieve(invoice.id)


def test_events_of_a_first_purchase_come_in_stripes_usual_order(shop, standin):
    before = len(shop.types())
    shop.subscribe()
    assert shop.types()[before:] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "payment_method.attached",
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "invoice.updated",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
        "checkout.session.completed",
    ]


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("4000000000000002", "declined"),
        ("4000000000009995", "insufficient funds"),
        ("4000000000000069", "expired"),
        ("4000000000000341", "declined"),
    ],
)
def test_a_refused_card_leaves_the_session_open_and_another_one_pays(shop, standin, card, words):
    session = shop.checkout()
    visit = standin.pay(session.url, card=card)
    assert visit.location is None
    assert words in visit.text
    assert shop.session(session.id).status == "open"
    assert not standin.objects("subscription")
    assert shop.types()[-2:] == ["charge.failed", "payment_intent.payment_failed"]
    assert standin.pay(session.url).location
    assert len(standin.objects("payment_intent")) == 1
    assert len(standin.objects("subscription")) == 1


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"number": "4242424242424241"}, "card number is incorrect"),
        ({"expiry": "01 / 20"}, "expiration date is in the past"),
        ({"expiry": "soon"}, "expiration date is in the past or unreadable"),
        ({"cvc": "1"}, "security code is incorrect"),
    ],
)
def test_a_badly_filled_form_is_shown_again_with_what_was_typed_and_never_the_code(shop, standin, form, words):
    session = shop.checkout()
    visit = Visit(standin.url)
    visit.open(session.url)
    visit.submit("pay", **{"number": "4242424242424242", "expiry": "12/34", "cvc": "123", "name": "Asa Ek", **form})
    assert words in visit.text
    assert 'value="Asa Ek"' in visit.text
    assert 'value="123"' not in visit.text
    assert not standin.objects("payment_method")


@pytest.mark.parametrize("card", ["4000002500003155", "4000002760003184"])
def test_three_d_secure_completes_or_fails(shop, standin, card):
    session = shop.checkout()
    failed = standin.pay(session.url, card=card, secure="fail")
    assert failed.location is None
    assert "unable to authenticate" in failed.text
    assert shop.session(session.id).status == "open"
    assert shop.types()[-1] == "payment_intent.payment_failed"
    assert "payment_intent.requires_action" in shop.types()
    assert standin.pay(session.url, card=card).location
    assert shop.session(session.id).payment_status == "paid"


def test_two_submits_of_one_form_make_one_payment(shop, standin):
    session = shop.checkout()
    one, two = Visit(standin.url), Visit(standin.url)
    for visit in (one, two):
        visit.open(session.url)
    for visit in (one, two):
        visit.submit("pay", number="4242424242424242", expiry="12/34", cvc="123", name="Asa")
    assert one.location == two.location
    assert one.location
    assert len(standin.objects("charge")) == len(standin.objects("subscription")) == 1


def test_submits_at_one_moment_make_one_payment(shop, standin):
    session = shop.checkout()
    visits = [Visit(standin.url) for _ in range(6)]
    for visit in visits:
        visit.open(session.url)
    card = {"number": "4242424242424242", "expiry": "12/34", "cvc": "123", "name": "Asa"}
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda visit: visit.submit("pay", **card), visits))
    assert len({visit.location for visit in visits}) == 1
    assert len(standin.objects("charge")) == len(standin.objects("subscription")) == 1


def test_cancel_leads_back_and_leaves_the_session_open(shop, standin):
    session = shop.checkout()
    assert standin.leave(session.url).location == CANCEL
    assert shop.session(session.id).status == "open"


def test_a_session_expires_after_24_hours_and_its_page_says_so(shop, standin, clock: FixedClock):
    session = shop.checkout()
    clock.advance(timedelta(hours=24))
    standin.run_due()
    gone = shop.session(session.id)
    assert (gone.status, gone.url) == ("expired", None)
    assert shop.types()[-1] == "checkout.session.expired"
    visit = Visit(standin.url)
    visit.open(session.url)
    assert "expired" in visit.text
    assert not visit.has("pay")
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.checkout.sessions.expire(session.id)


def test_an_open_session_can_be_expired_and_then_not_paid(shop, standin):
    session = shop.checkout()
    visit = Visit(standin.url)
    visit.open(session.url)
    assert shop.v1.checkout.sessions.expire(session.id).status == "expired"
    visit.submit("pay", number="4242424242424242", expiry="12/34", cvc="123", name="Asa")
    assert visit.location is None
    assert not standin.objects("charge")


def test_a_complete_session_does_not_expire_and_its_page_is_plain(shop, standin, clock):
    session = shop.checkout()
    standin.pay(session.url)
    clock.advance(timedelta(hours=30))
    standin.run_due()
    assert shop.session(session.id).status == "complete"
    visit = Visit(standin.url)
    visit.open(session.url)
    assert "complete" in visit.text


def code_for(shop: Shop, **coupon: object) -> str:
    made = shop.v1.coupons.create({"duration": "once", **coupon})
    shop.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": made.id}, "code": "SPRING"})
    return made.id


def typed(visit: Visit, url: str, code: str) -> Visit:
    visit.open(url)
    visit.submit("code", code=code)
    return visit


def test_a_promotion_code_takes_its_part_off_once(shop, standin, clock):
    code_for(shop, percent_off=25)
    session = shop.checkout(allow_promotion_codes=True)
    assert "invalid" in typed(Visit(standin.url), session.url, "SUMMER").text
    assert "14.25" in typed(Visit(standin.url), session.url, "spring").text
    standin.pay(session.url)
    done = shop.session(session.id, "invoice")
    assert (done.amount_total, done.total_details.amount_discount, done.invoice.total) == (1425, 475, 1425)
    assert done.invoice.subtotal == 1900
    assert shop.v1.promotion_codes.list().data[0].times_redeemed == 1
    clock.advance(timedelta(days=32))
    standin.run_due()
    assert [invoice.total for invoice in shop.invoices(done.subscription)] == [1425, 1900]


def test_a_code_for_everything_needs_no_payment(shop, standin):
    code_for(shop, percent_off=100)
    session = shop.checkout(allow_promotion_codes=True)
    typed(Visit(standin.url), session.url, "SPRING")
    standin.pay(session.url)
    done = shop.session(session.id, "invoice", "subscription")
    assert (done.status, done.payment_status, done.amount_total) == ("complete", "no_payment_required", 0)
    assert (done.invoice.status, done.invoice.amount_due, done.subscription.status) == ("paid", 0, "active")
    assert not standin.objects("payment_intent")
    assert not shop.v1.invoice_payments.list({"invoice": done.invoice.id}).data
    assert {"invoice.paid", "invoice.payment_succeeded"} <= set(shop.types())


def test_nothing_to_pay_asks_for_no_card_if_the_caller_said_so(shop, standin):
    code_for(shop, percent_off=100)
    session = shop.checkout(allow_promotion_codes=True, payment_method_collection="if_required")
    visit = typed(Visit(standin.url), session.url, "SPRING")
    assert 'name="number"' not in visit.text
    visit.submit("pay")
    assert visit.location
    assert shop.session(session.id, "subscription").subscription.default_payment_method is None


def test_setup_mode_saves_a_card_without_a_payment(shop, standin):
    params = {"mode": "setup", "line_items": None, "subscription_data": None, "currency": "usd"}
    session = shop.checkout(**params, setup_intent_data={"metadata": {"tollkeeper_org": "org-1"}})
    assert (session.payment_status, session.amount_total) == ("no_payment_required", None)
    assert "declined" in standin.pay(session.url, card="4000000000000002").text
    assert standin.pay(session.url, card="4000002500003155").location
    done = shop.session(session.id, "setup_intent")
    assert (done.status, done.setup_intent.status) == ("complete", "succeeded")
    assert done.setup_intent.metadata["tollkeeper_org"] == "org-1"
    card = shop.v1.payment_methods.retrieve(done.setup_intent.payment_method)
    assert (card.customer, card.card.last4) == (shop.customer, "3155")
    assert shop.v1.customers.retrieve(shop.customer).invoice_settings.default_payment_method is None
    assert shop.types()[-2:] == ["setup_intent.succeeded", "checkout.session.completed"]


def test_payment_mode_sells_once_with_an_invoice_if_asked(shop, standin):
    once = [{"price": shop.make_price(5000, None), "quantity": 2}]
    params = {"mode": "payment", "line_items": once, "subscription_data": None}
    plain = shop.checkout(**params, payment_intent_data={"metadata": {"pack": "big"}})
    standin.pay(plain.url)
    done = shop.session(plain.id, "payment_intent")
    assert (done.payment_intent.amount_received, done.invoice, done.payment_intent.metadata["pack"]) == (
        10_000,
        None,
        "big",
    )
    billed = shop.checkout(**params, invoice_creation={"enabled": True, "invoice_data": {"metadata": {"pack": "big"}}})
    standin.pay(billed.url)
    invoice = shop.session(billed.id, "invoice").invoice
    assert (invoice.status, invoice.total, invoice.metadata["pack"]) == ("paid", 10_000, "big")


def test_a_session_without_a_customer_makes_one(shop, standin):
    session = shop.checkout(customer=None)
    assert session.customer is None
    standin.pay(session.url, email="new@example.org")
    done = shop.session(session.id, "customer")
    assert (done.customer.email, done.customer_details.email) == ("new@example.org", "new@example.org")


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"mode": None}, "mode"),
        ({"success_url": None}, "success_url"),
        ({"line_items": None}, "line_items"),
        ({"mode": "payment", "subscription_data": None}, "line_items"),
        ({"payment_method_types": ["card"]}, "payment_method_types"),
        ({"customer": "cus_nobody"}, "customer"),
        ({"expires_at": 1}, "expires_at"),
        ({"allow_promotion_codes": True, "discounts": [{"coupon": "x"}]}, None),
        ({"mode": "setup", "subscription_data": None, "line_items": None}, "currency"),
    ],
)
def test_a_wrong_session_is_refused_by_name(shop, standin, wrong, param):
    with standin.unchecked(), pytest.raises(stripe.InvalidRequestError) as refused:
        shop.checkout(**wrong)
    assert refused.value.param == param


def test_sessions_are_listed_by_customer_and_status(shop, standin):
    one, two = shop.checkout(), shop.checkout()
    standin.pay(one.url)
    listed = shop.v1.checkout.sessions.list({"customer": shop.customer, "status": "open"})
    assert [session.id for session in listed.data] == [two.id]


def test_a_parameter_that_would_do_nothing_is_refused(shop, standin):
    with standin.unchecked(), pytest.raises(stripe.InvalidRequestError) as refused:
        shop.checkout(automatic_tax={"enabled": True})
    assert refused.value.param == "automatic_tax"


def test_a_code_for_newcomers_and_a_used_up_one_are_invalid(shop, standin):
    coupon = shop.v1.coupons.create({"duration": "once", "percent_off": 10, "max_redemptions": 1}).id
    promotion = {"type": "coupon", "coupon": coupon}
    first = {"first_time_transaction": True}
    shop.v1.promotion_codes.create({"promotion": promotion, "code": "NEW", "restrictions": first})
    shop.v1.promotion_codes.create({"promotion": promotion, "code": "ANY"})
    session = shop.checkout(allow_promotion_codes=True)
    assert "17.10" in typed(Visit(standin.url), session.url, "NEW").text
    standin.pay(session.url)
    assert not shop.v1.coupons.retrieve(coupon).valid
    again = shop.checkout(allow_promotion_codes=True)
    assert "invalid" in typed(Visit(standin.url), again.url, "NEW").text
    assert "invalid" in typed(Visit(standin.url), again.url, "ANY").text


def test_a_disputed_card_pays_and_the_bank_takes_it_back_a_minute_later(shop, standin, clock):
    standin.pay(shop.checkout().url, card="4000000000000259")
    charge = shop.v1.charges.list().data[0]
    assert (charge.paid, charge.disputed) == (True, False)
    clock.advance(timedelta(minutes=1))
    standin.run_due()
    assert shop.v1.charges.retrieve(charge.id).disputed
    dispute = shop.v1.disputes.list({"charge": charge.id}).data[0]
    assert (dispute.amount, dispute.payment_intent) == (1900, charge.payment_intent)
    assert shop.v1.disputes.retrieve(dispute.id).status == "needs_response"
    assert shop.types()[-2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


def test_the_page_is_plain_html_without_script_and_says_that_no_money_moves(shop, standin):
    visit = Visit(standin.url)
    visit.open(shop.checkout().url)
    assert "no money moves" in visit.text
    assert "4000 0025 0000 3155" in visit.text
    assert "<script" not in visit.text
    assert "style=" not in visit.text
    assert urlsplit(visit.page).path.startswith("/c/pay/cs_test_")
