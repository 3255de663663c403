"""What the tests of the stand-in's billing set up: a customer, prices, a checkout, a running subscription."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from tests.standin import StandIn

SUCCESS = "http://localhost:5000/billing/return?session_id={CHECKOUT_SESSION_ID}"
CANCEL = "http://localhost:5000/billing/upgrade/pro?left=1"
DAY = 86_400


class Shop:
    """One product with a monthly price of 19.00, behind the SDK."""

    def __init__(self, standin: StandIn) -> None:
        self.standin = standin
        self.v1 = standin.client().v1
        self.product = self.v1.products.create({"name": "Pro plan"}).id
        self.price = self.make_price(1900)
        self.customer = self.v1.customers.create({"email": "asa@example.org", "name": "Asa Ek"}).id

    def make_price(self, amount: int, interval: str | None = "month", currency: str = "usd") -> str:
        params: dict[str, Any] = {"currency": currency, "unit_amount": amount, "product": self.product}
        if interval:
            params["recurring"] = {"interval": interval}
        return str(self.v1.prices.create(params).id)  # type: ignore[arg-type]

    def checkout(self, **more: Any) -> stripe.checkout.Session:
        params = {
            "mode": "subscription",
            "customer": self.customer,
            "line_items": [{"price": self.price, "quantity": 1}],
            "success_url": SUCCESS,
            "cancel_url": CANCEL,
            "client_reference_id": "org-1",
            "metadata": {"tollkeeper_org": "org-1"},
            "subscription_data": {"metadata": {"tollkeeper_org": "org-1", "tollkeeper_checkout": "co-1"}},
            **more,
        }
        return self.v1.checkout.sessions.create({k: v for k, v in params.items() if v is not None})  # type: ignore[arg-type]

    def session(self, ident: str, *expand: str) -> stripe.checkout.Session:
        return self.v1.checkout.sessions.retrieve(ident, {"expand": list(expand)})

    def subscribe(self, card: str = "4242424242424242", **more: Any) -> stripe.Subscription:
        """A subscription that somebody bought on the hosted page."""
        session = self.checkout(**more)
        visit = self.standin.pay(str(session.url), card=card)
        assert visit.location, visit.text
        found = self.session(session.id).subscription
        assert isinstance(found, str)
        return self.v1.subscriptions.retrieve(found)

    def change_card(self, subscription: str, token: str) -> str:
        """The customer's and the subscription's card is this one from now on."""
        card = self.v1.payment_methods.attach(token, {"customer": self.customer}).id
        self.v1.customers.update(self.customer, {"invoice_settings": {"default_payment_method": card}})
        self.v1.subscriptions.update(subscription, {"default_payment_method": card})
        return card

    def invoices(self, subscription: str) -> list[stripe.Invoice]:
        """The subscription's invoices, oldest first, with their payments."""
        params: Any = {"subscription": subscription, "limit": 100, "expand": ["data.payments"]}
        return list(reversed(self.v1.invoices.list(params).data))

    def save_card(self, token: str = "pm_card_visa") -> str:
        """A card, saved and made the customer's default."""
        card = self.v1.payment_methods.attach(token, {"customer": self.customer}).id
        self.v1.customers.update(self.customer, {"invoice_settings": {"default_payment_method": card}})
        return card

    def draft(self, *amounts: int, **more: Any) -> stripe.Invoice:
        """A manual draft with these amounts on it."""
        params: Any = {"customer": self.customer, "currency": "usd", **more}
        invoice = self.v1.invoices.create(params)
        for amount in amounts:
            self.item(amount, invoice.id)
        return invoice

    def item(self, amount: int, invoice: str | None = None, **more: Any) -> stripe.InvoiceItem:
        """An invoice item, pending or on a draft."""
        params: Any = {"customer": self.customer, "currency": "usd", "amount": amount, "description": "Extra", **more}
        return self.v1.invoice_items.create({**params, "invoice": invoice} if invoice else params)

    def final(self, *amounts: int, **more: Any) -> stripe.Invoice:
        """A manual invoice, finalised; nobody collects it unless `auto_advance` says so."""
        return self.v1.invoices.finalize_invoice(self.draft(*amounts).id, {"auto_advance": False, **more})

    def balance(self) -> int:
        """The customer's balance."""
        return int(self.v1.customers.retrieve(self.customer).balance or 0)

    def movements(self) -> list[tuple[str, int]]:
        """The types and amounts of what changed the balance, oldest first."""
        rows = self.v1.customers.balance_transactions.list(self.customer).data
        assert all(later.ending_balance == row.ending_balance + later.amount for later, row in itertools.pairwise(rows))
        return [(row.type, row.amount) for row in reversed(rows)]

    def types(self) -> list[str]:
        """The types of all events, oldest first."""
        return [event["type"] for event in self.standin.events()]


def refused(call: Callable[[], Any]) -> dict[str, Any]:
    """The error object that a call is answered with."""
    with pytest.raises(stripe.StripeError) as caught:
        call()
    body = caught.value.json_body
    assert isinstance(body, dict)
    error: dict[str, Any] = body["error"]
    return {**error, "status": caught.value.http_status}


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
