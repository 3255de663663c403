"""The customer's balance, in both directions, and amounts too small to be charged."""

from __future__ import annotations

import re

import pytest

from tests.sandbox.billing import Shop, refused
from tests.standin import StandIn
from tests.standin_visit import Visit


@pytest.fixture
def shop(standin: StandIn) -> Shop:
    return Shop(standin)


def adjust(shop: Shop, amount: int) -> str:
    made = shop.v1.customers.balance_transactions.create(shop.customer, {"amount": amount, "currency": "usd"})
    assert (made.type, made.amount) == ("adjustment", amount)
    return made.id


def test_credit_pays_a_part_of_the_next_invoice(shop, standin):
    adjust(shop, -500)
    invoice = shop.final(700)
    assert (invoice.starting_balance, invoice.ending_balance) == (-500, 0)
    assert (invoice.total, invoice.amount_due, invoice.amount_remaining) == (700, 200, 200)
    assert shop.movements() == [("adjustment", -500), ("applied_to_invoice", 500)]
    shop.save_card()
    assert shop.v1.invoices.pay(invoice.id).amount_paid == 200


def test_the_invoices_page_shows_how_the_total_becomes_what_is_due(shop, standin):
    adjust(shop, -500)
    invoice = shop.final(900)
    shop.v1.credit_notes.create({"invoice": invoice.id, "amount": 100})
    visit = Visit(standin.url)
    visit.open(str(invoice.hosted_invoice_url))
    shown = re.findall(r'<td class="number">([^<]+)</td>', visit.text)
    assert [amount.strip() for amount in shown] == ["USD 9.00", "USD 9.00", "USD -5.00", "USD -1.00"]
    assert "USD 3.00" in visit.text


def test_credit_that_covers_an_invoice_pays_it_and_the_rest_stays(shop, standin):
    adjust(shop, -1000)
    invoice = shop.final(700)
    assert (invoice.status, invoice.amount_due, invoice.amount_paid, invoice.ending_balance) == ("paid", 0, 0, -300)
    assert shop.balance() == -300
    assert not standin.objects("charge")


def test_what_is_owed_raises_the_next_invoice(shop, standin):
    adjust(shop, 300)
    invoice = shop.final(700)
    assert (invoice.total, invoice.amount_due, invoice.ending_balance) == (700, 1000, 0)
    assert shop.movements() == [("adjustment", 300), ("applied_to_invoice", -300)]


def test_a_negative_invoice_goes_into_the_balance(shop, standin):
    invoice = shop.final(-400)
    assert (invoice.status, invoice.total, invoice.amount_due, invoice.ending_balance) == ("paid", -400, 0, -400)
    [found] = shop.v1.customers.balance_transactions.list(shop.customer, {"invoice": invoice.id}).data
    assert (found.type, found.amount, found.invoice) == ("applied_to_invoice", -400, invoice.id)


def test_an_invoice_in_another_currency_leaves_the_balance_alone(shop, standin):
    adjust(shop, -500)
    draft = shop.draft(currency="eur")
    shop.item(700, draft.id, currency="eur")
    assert shop.v1.invoices.finalize_invoice(draft.id).amount_due == 700
    assert shop.balance() == -500


def test_voiding_gives_back_what_the_balance_paid(shop, standin):
    adjust(shop, -500)
    invoice = shop.final(700)
    shop.v1.invoices.void_invoice(invoice.id)
    assert shop.balance() == -500
    assert shop.movements()[-1] == ("unapplied_from_invoice", -500)


def test_voiding_owes_again_what_the_invoice_had_taken_over(shop, standin):
    adjust(shop, 300)
    shop.v1.invoices.void_invoice(shop.final(700).id)
    assert shop.balance() == 300


def test_a_transaction_is_read_described_and_its_own_customers(shop, standin):
    ident, v1 = adjust(shop, -500), shop.v1.customers.balance_transactions
    described = v1.update(shop.customer, ident, {"description": "Sorry", "metadata": {"case": "7"}})
    assert (described.description, described.metadata.to_dict()) == ("Sorry", {"case": "7"})
    assert v1.retrieve(shop.customer, ident).ending_balance == -500
    other = shop.v1.customers.create({}).id
    assert refused(lambda: v1.retrieve(other, ident))["status"] == 404
    assert refused(lambda: v1.create(shop.customer, {"amount": 1, "currency": "eur"}))["param"] == "currency"


def test_a_balance_that_is_set_is_a_transaction_too(shop, standin):
    shop.v1.customers.update(shop.customer, {"balance": -300})
    shop.v1.customers.update(shop.customer, {"balance": 200})
    assert shop.movements() == [("adjustment", -300), ("adjustment", 500)]
    assert standin.events("customer.updated")[-1]["data"]["previous_attributes"] == {"balance": -300}


def test_less_than_the_minimum_is_not_charged_but_owed(shop, standin):
    shop.save_card()
    small = shop.final(49, auto_advance=True)
    assert (small.status, small.total, small.amount_due, small.ending_balance) == ("paid", 49, 0, 49)
    assert shop.movements() == [("invoice_too_small", 49)]
    assert not standin.objects("charge")
    following = shop.final(1, auto_advance=True)
    assert (following.status, following.amount_due, following.amount_paid) == ("paid", 50, 50)
    assert shop.balance() == 0


def test_credit_that_leaves_too_little_is_used_and_the_rest_is_owed(shop, standin):
    adjust(shop, -500)
    invoice = shop.final(530)
    assert (invoice.status, invoice.amount_due, invoice.ending_balance) == ("paid", 0, 30)
    assert shop.movements()[1:] == [("applied_to_invoice", 500), ("invoice_too_small", 30)]


@pytest.mark.parametrize(("currency", "least", "said"), [("usd", 50, "0.50 usd"), ("jpy", 50, "50 jpy")])
def test_a_payment_below_the_minimum_is_refused(shop, standin, currency, least, said):
    def pays(amount: int) -> None:
        shop.v1.payment_intents.create({"amount": amount, "currency": currency})

    error = refused(lambda: pays(least - 1))
    assert (error["code"], error["param"]) == ("amount_too_small", "amount")
    assert said in error["message"]
    pays(least)


def test_a_checkout_below_the_minimum_is_refused(shop, standin):
    cheap = shop.make_price(49)
    error = refused(lambda: shop.checkout(line_items=[{"price": cheap, "quantity": 1}]))
    assert (error["status"], error["code"]) == (400, "amount_too_small")


def test_checkout_charges_its_total_and_leaves_the_balance_for_the_next_invoice(shop, standin):
    adjust(shop, -500)
    invoice = shop.invoices(shop.subscribe().id)[0]
    assert (invoice.amount_paid, invoice.ending_balance, shop.balance()) == (1900, -500, -500)
