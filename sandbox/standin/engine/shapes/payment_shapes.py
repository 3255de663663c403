"""Payment methods, charges and invoice payments, with every field in Stripe's description. Pure."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import bank_debits, cards
from sandbox.standin.engine.bank_debits import DebitForm
from sandbox.standin.engine.cards import CardForm

Obj = dict[str, Any]

# Card fields that a charge repeats.
CARD_FIELDS = (
    "brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status",
)  # fmt: skip


def payment_method(ident: str, now: int, form: CardForm | DebitForm) -> Obj:
    """A card or account that is not attached to a customer yet."""
    return {
        "id": ident,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": _empty_address(),
            "email": form.email,
            "name": form.name,
            "phone": None,
            "tax_id": None,
        },
        "created": now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        **_kind(form),
    }


def _kind(form: CardForm | DebitForm) -> Obj:
    if isinstance(form, CardForm):
        return {"card": _card(form), "type": "card"}
    return {bank_debits.KIND: {**_account(form.iban), "generated_from": None}, "type": bank_debits.KIND}


def _account(iban: str) -> Obj:
    number = bank_debits.normalised(iban)
    return {
        "bank_code": number[4:9],
        "branch_code": None,
        "country": number[:2],
        "fingerprint": bank_debits.fingerprint(number),
        "last4": number[-4:],
    }


def _card(form: CardForm) -> Obj:
    brand = cards.get_brand(form.number)
    return {
        "brand": brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": brand,
        "exp_month": form.exp_month,
        "exp_year": form.exp_year,
        "fingerprint": cards.fingerprint(form.number),
        "funding": "credit",
        "generated_from": None,
        "last4": form.number[-4:],
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def charge(ident: str, now: int, intent: Obj, method: Obj, refusal: cards.CardRefusal | None, *, secured: bool) -> Obj:
    """A charge attempt: succeeded, or failed with the given refusal."""
    return {
        "id": ident,
        "object": "charge",
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX",
        "created": now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _method_details(method, intent["amount"], secured=secured),
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "review": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        **_money(intent["amount"], paid=refusal is None),
        **_failure(refusal),
    }


def _method_details(method: Obj, amount: int, *, secured: bool) -> Obj:
    """What was charged: a card, an account, or Link, which shows nothing of the card behind it."""
    if method["type"] == "link":
        return {"link": {"country": None}, "type": "link"}
    if method["type"] == bank_debits.KIND:
        account = {name: part for name, part in method[bank_debits.KIND].items() if name != "generated_from"}
        return {bank_debits.KIND: {**account, "mandate": None}, "type": bank_debits.KIND}
    return {"card": _card_details(method["card"], amount, secured=secured), "type": "card"}


def outcome(amount: int, refusal: cards.CardRefusal | None) -> Obj:
    """What a charge says of its end: succeeded, or failed with the given refusal."""
    paid = refusal is None
    progress = {"amount_captured": amount if paid else 0, "captured": paid, "paid": paid}
    return {**progress, "status": "succeeded" if paid else "failed", **_failure(refusal)}


def pending_outcome(amount: int) -> Obj:
    """What a charge says while its bank has not answered."""
    return {**outcome(amount, None), "captured": True, "paid": False, "status": "pending"}


def _money(amount: int, *, paid: bool) -> Obj:
    """What was charged and where it went: nothing refunded, nobody else involved."""
    return {
        "amount": amount,
        "amount_captured": amount if paid else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "captured": paid,
        "disputed": False,
        "failure_balance_transaction": None,
        "on_behalf_of": None,
        "paid": paid,
        "refunded": False,
        "source_transfer": None,
        "status": "succeeded" if paid else "failed",
        "transfer_data": None,
        "transfer_group": None,
    }


def _failure(refusal: cards.CardRefusal | None) -> Obj:
    return {
        "failure_code": refusal.code if refusal else None,
        "failure_message": refusal.message if refusal else None,
        "outcome": _outcome(refusal),
    }


def invoice_payment(ident: str, now: int, invoice: Obj, intent: str) -> Obj:
    """The link between an invoice and its payment intent."""
    return {
        "id": ident,
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_due"],
        "created": now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent, "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }


def _outcome(refusal: cards.CardRefusal | None) -> Obj:
    refused = refusal is not None
    return {
        "advice_code": "try_again_later" if refused else None,
        "network_advice_code": None,
        "network_decline_code": "01" if refused else None,
        "network_status": "declined_by_network" if refused else "approved_by_network",
        "reason": (refusal.decline_code or refusal.code) if refusal else None,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": "The bank did not return any further details with this decline."
        if refused
        else "Payment complete.",
        "type": "issuer_declined" if refused else "authorized",
    }


def _card_details(card: Obj, amount: int, *, secured: bool) -> Obj:
    return {
        **{name: card[name] for name in CARD_FIELDS},
        "amount_authorized": amount,
        "authorization_code": None,
        "electronic_commerce_indicator": None,
        "installments": None,
        "mandate": None,
        "network": card["brand"],
        "network_transaction_id": None,
        "three_d_secure": _three_d_secure() if secured else None,
        "transaction_link_id": None,
        "wallet": None,
    }


def _three_d_secure() -> Obj:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }


def _empty_address() -> Obj:
    return dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
