"""Credit notes: what they may credit, what they do to the invoice and where the money goes."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.billing import Shop, refused
from tests.standin import StandIn
from tests.standin_visit import Visit


@pytest.fixture
def shop(standin: StandIn) -> Shop:
    return Shop(standin)


def paid(shop: Shop, *amounts: int) -> stripe.Invoice:
    shop.save_card()
    return shop.final(*amounts, auto_advance=True)


def credit(shop: Shop, invoice: stripe.Invoice, **more: Any) -> stripe.CreditNote:
    params: Any = {"invoice": invoice.id, **more}
    return shop.v1.credit_notes.create(params)


def of_line(invoice: stripe.Invoice, place: int = 0, **more: int) -> dict[str, Any]:
    """A row of `lines` that credits a line of the invoice."""
    return {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[place].id, **more}


def again(shop: Shop, invoice: stripe.Invoice) -> stripe.Invoice:
    return shop.v1.invoices.retrieve(invoice.id)


def test_a_note_on_an_open_invoice_lowers_what_remains(shop, standin):
    invoice = shop.final(700)
    note = credit(shop, invoice, lines=[of_line(invoice, amount=300)], reason="order_change", memo="Sorry")
    assert (note.type, note.total, note.pre_payment_amount, note.post_payment_amount) == ("pre_payment", 300, 300, 0)
    assert (note.number, note.status, note.memo) == (f"{invoice.number}-CN-01", "issued", "Sorry")
    left = again(shop, invoice)
    assert (left.status, left.total, left.amount_due, left.amount_remaining) == ("open", 700, 400, 400)
    assert (left.pre_payment_credit_notes_amount, left.post_payment_credit_notes_amount) == (300, 0)
    shop.save_card()
    assert shop.v1.invoices.pay(invoice.id).amount_paid == 400
    assert standin.objects("charge")[0]["amount"] == 400


def test_a_note_over_the_rest_pays_the_invoice_off(shop, standin):
    invoice = shop.final(700)
    credit(shop, invoice, amount=700)
    left = shop.v1.invoices.retrieve(invoice.id, {"expand": ["payments"]})
    assert (left.status, left.amount_paid, left.amount_remaining) == ("paid", 0, 0)
    assert [row.status for row in left.payments.data] == ["canceled"]
    assert {"credit_note.created", "invoice.paid"} <= set(shop.types())
    assert not standin.objects("charge")


def test_a_note_with_a_refund_gives_the_money_back(shop, standin):
    invoice = paid(shop, 700)
    note = credit(shop, invoice, lines=[of_line(invoice, amount=300)], refund_amount=300)
    assert (note.type, note.post_payment_amount) == ("post_payment", 300)
    [link] = note.refunds
    assert (link.amount_refunded, shop.v1.refunds.retrieve(str(link.refund)).amount) == (300, 300)
    left = again(shop, invoice)
    assert (left.status, left.amount_paid, left.post_payment_credit_notes_amount) == ("paid", 700, 300)
    assert {"refund.created", "charge.refunded", "credit_note.created"} <= set(shop.types())


def test_a_note_is_split_over_refund_credit_and_elsewhere(shop, standin):
    invoice = paid(shop, 700)
    note = credit(shop, invoice, amount=700, refund_amount=400, credit_amount=200, out_of_band_amount=100)
    assert (note.out_of_band_amount, len(note.refunds), shop.balance()) == (100, 1, -200)
    found = shop.v1.customers.balance_transactions.retrieve(shop.customer, str(note.customer_balance_transaction))
    assert (found.type, found.amount, found.credit_note, found.invoice) == ("credit_note", -200, note.id, invoice.id)


@pytest.mark.parametrize("split", [{}, {"refund_amount": 299}, {"refund_amount": 300, "credit_amount": 1}])
def test_what_was_paid_must_be_split_to_the_cent(shop, standin, split):
    invoice = paid(shop, 700)
    error = refused(lambda: credit(shop, invoice, amount=300, **split))
    assert (error["status"], "must equal" in error["message"]) == (400, True)
    assert not standin.objects("credit_note")
    assert not standin.objects("refund")


def test_a_note_may_credit_what_was_due_and_what_the_balance_paid(shop, standin):
    shop.v1.customers.update(shop.customer, {"balance": -500})
    invoice = shop.final(700)
    note = credit(shop, invoice, amount=700, credit_amount=500)
    assert (note.type, note.pre_payment_amount, note.post_payment_amount) == ("mixed", 200, 500)
    assert (again(shop, invoice).status, shop.balance()) == ("paid", -500)


def test_never_more_is_credited_than_is_left(shop, standin):
    invoice = paid(shop, 700, 300)  # the newest item is the first line
    credit(shop, invoice, lines=[of_line(invoice, amount=200)], out_of_band_amount=200)
    error = refused(lambda: credit(shop, invoice, lines=[of_line(invoice, amount=101)], out_of_band_amount=101))
    assert error["param"] == "lines[0][amount]"
    assert refused(lambda: credit(shop, invoice, amount=801, out_of_band_amount=801))["param"] == "amount"
    credit(shop, invoice, lines=[of_line(invoice, amount=100), of_line(invoice, 1, amount=700)], credit_amount=800)
    assert refused(lambda: credit(shop, invoice, amount=1, out_of_band_amount=1))["param"] == "amount"


def test_a_refund_made_elsewhere_counts_and_is_linked_once(shop, standin):
    invoice = paid(shop, 700)
    intent = standin.objects("payment_intent")[0]["id"]
    refund = shop.v1.refunds.create({"payment_intent": intent, "amount": 300}).id
    assert refused(lambda: credit(shop, invoice, amount=500, out_of_band_amount=500))["param"] == "amount"
    note = credit(shop, invoice, amount=300, refunds=[{"refund": refund}])
    assert [(link.refund, link.amount_refunded) for link in note.refunds] == [(refund, 300)]
    assert len(standin.objects("refund")) == 1
    error = refused(lambda: credit(shop, invoice, amount=300, refunds=[{"refund": refund}]))
    assert error["param"] == "refunds[0][amount_refunded]"
    assert credit(shop, invoice, amount=400, refund_amount=400).total == 400


def test_a_refund_is_bound_to_the_invoices_own_payment(shop, standin):
    first, other = paid(shop, 700), paid(shop, 900)
    refund = shop.v1.refunds.create({"payment_intent": standin.objects("payment_intent")[0]["id"]}).id
    error = refused(lambda: credit(shop, first, amount=700, refunds=[{"refund": refund}]))
    assert error["param"] == "refunds[0][refund]"
    assert refused(lambda: credit(shop, other, amount=900, refund_amount=900))["param"] == "amount"
    elsewhere = shop.v1.invoices.pay(shop.final(700).id, {"paid_out_of_band": True})
    assert refused(lambda: credit(shop, elsewhere, amount=700, refund_amount=700))["param"] == "refund_amount"


def test_the_last_credit_of_a_line_takes_what_is_left_of_it_and_of_its_discount(shop, standin):
    off = shop.v1.coupons.create({"percent_off": 33, "duration": "once"}).id
    draft = shop.draft(1000, discounts=[{"coupon": off}])
    invoice = shop.v1.invoices.finalize_invoice(draft.id)
    notes = [credit(shop, invoice, lines=[of_line(invoice, amount=amount)]) for amount in (333, 333, 334)]
    assert [(note.subtotal, note.discount_amount, note.total) for note in notes] == [
        (333, 110, 223),
        (333, 110, 223),
        (334, 110, 224),
    ]
    assert again(shop, invoice).amount_remaining == 0


def test_a_line_is_credited_by_quantity_or_by_amount_but_not_both(shop, standin):
    draft = shop.draft()
    units: Any = {"customer": shop.customer, "currency": "usd", "unit_amount_decimal": "33.5", "quantity": 3}
    shop.v1.invoice_items.create({**units, "invoice": draft.id})
    invoice = shop.v1.invoices.finalize_invoice(draft.id)
    assert invoice.total == 101
    totals = [credit(shop, invoice, lines=[of_line(invoice, quantity=count)]).total for count in (1, 1)]
    assert totals == [34, 33]
    error = refused(lambda: credit(shop, invoice, lines=[of_line(invoice, amount=1)]))
    assert error["param"] == "lines[0][amount]"
    assert credit(shop, invoice, lines=[of_line(invoice, quantity=1)]).total == 34
    both = of_line(invoice, amount=1, quantity=1)
    assert refused(lambda: credit(shop, invoice, lines=[both]))["param"] == "lines[0][amount]"


def test_a_line_of_its_own_has_a_price_and_a_quantity(shop, standin):
    invoice = shop.final(700)
    own = {"type": "custom_line_item", "description": "Goodwill", "unit_amount": 50, "quantity": 2}
    note = credit(shop, invoice, lines=[own, of_line(invoice, amount=100)])
    rows = shop.v1.credit_notes.line_items.list(note.id).data
    assert [(row.type, row.amount, row.description) for row in rows] == [
        ("custom_line_item", 100, "Goodwill"),
        ("invoice_line_item", 100, "Extra"),
    ]
    nameless = {"type": "custom_line_item", "unit_amount": 50}
    assert refused(lambda: credit(shop, invoice, lines=[nameless]))["param"] == "lines[0][description]"


def test_a_preview_says_the_same_and_changes_nothing(shop, standin):
    invoice = paid(shop, 700)
    params: Any = {"invoice": invoice.id, "lines": [of_line(invoice, amount=300)], "refund_amount": 300}
    seen = shop.v1.credit_notes.preview(params)
    assert (seen.total, seen.post_payment_amount, seen.type) == (300, 300, "post_payment")
    assert [row.amount for row in shop.v1.credit_notes.preview_lines.list(params).data] == [300]
    assert not standin.objects("credit_note")
    assert not standin.objects("refund")
    assert "credit_note.created" not in shop.types()
    assert refused(lambda: shop.v1.credit_notes.preview({**params, "refund_amount": 299}))["status"] == 400


def test_a_note_is_read_listed_and_described(shop, standin):
    first, other = shop.final(700), shop.final(900)
    note = credit(shop, first, amount=100, metadata={"case": "7"})
    credit(shop, other, amount=100)
    v1 = shop.v1.credit_notes
    assert v1.retrieve(note.id).metadata.to_dict() == {"case": "7"}
    assert [found.id for found in v1.list({"invoice": first.id}).data] == [note.id]
    assert len(v1.list({"customer": shop.customer}).data) == 2
    assert v1.update(note.id, {"memo": "Goodwill"}).memo == "Goodwill"
    assert shop.types()[-1] == "credit_note.updated"
    visit = Visit(standin.url)
    visit.open(note.pdf)
    assert visit.text.startswith("%PDF-1.4")


def test_voiding_makes_it_due_again(shop, standin):
    invoice = shop.final(700)
    note = credit(shop, invoice, amount=300)
    voided = shop.v1.credit_notes.void_credit_note(note.id)
    assert (voided.status, bool(voided.voided_at), shop.types()[-1]) == ("void", True, "credit_note.voided")
    left = again(shop, invoice)
    assert (left.amount_due, left.amount_remaining, left.pre_payment_credit_notes_amount) == (700, 700, 0)
    assert refused(lambda: shop.v1.credit_notes.void_credit_note(note.id))["status"] == 400
    assert credit(shop, invoice, amount=700).number.endswith("-CN-02")


def test_voiding_takes_credit_back_but_no_refund(shop, standin):
    invoice = paid(shop, 700)
    given = credit(shop, invoice, amount=200, credit_amount=200)
    refunded = credit(shop, invoice, amount=100, refund_amount=100)
    shop.v1.credit_notes.void_credit_note(given.id)
    assert (shop.balance(), again(shop, invoice).post_payment_credit_notes_amount) == (0, 100)
    assert refused(lambda: shop.v1.credit_notes.void_credit_note(refunded.id))["status"] == 400


@pytest.mark.parametrize("status", ["draft", "void"])
def test_only_an_open_or_paid_invoice_is_credited(shop, standin, status):
    invoice = shop.draft(700) if status == "draft" else shop.v1.invoices.void_invoice(shop.final(700).id)
    assert refused(lambda: credit(shop, invoice, amount=100))["param"] == "invoice"
