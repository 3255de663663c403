"""How an org pays through Stripe: Checkout, the card, the renewal that fails. What came of it is in `readouts`."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from app.kit.actor import SYSTEM
from app.payments.checkout import fulfil, open_checkout
from app.payments.checkout.open_checkout import OpenedCheckout
from app.payments.cli import background_gateway
from tests.factories import MadePlan
from tests.scenario.base import OrgBase
from tests.standin import GOOD_CARD
from tests.standin_visit import Visit

DECLINES = "pm_card_chargeCustomerFail"


class Buying(OrgBase):
    """Acts at Stripe's pages; webhooks wait until the scenario settles."""

    def opens(
        self, plan: MadePlan | str | None = None, interval: str = "month", currency: str = "USD"
    ) -> OpenedCheckout:
        """Somebody presses "pay", for a plan of its own unless one is named: a page of Stripe's is open."""
        self.plan = self.scenario.plan() if plan is None else self.scenario.plan_named(plan)
        made = open_checkout.open_checkout(
            self.id, plan_key=self.plan.key, interval=interval, currency=currency, actor=SYSTEM, now=self.now
        )
        self.opened.append(made)
        return made

    def opens_card_page(self) -> OpenedCheckout:
        """Somebody asks to save another card."""
        made = open_checkout.open_card_setup(self.id, currency="USD", actor=SYSTEM, now=self.now)
        self.opened.append(made)
        return made

    def at_checkout(self, plan: MadePlan | str | None = None) -> Self:
        """Its owner looks at the payment page."""
        self.opens(plan)
        self.scenario.session.rollback()
        return self

    def pays(self, opened: OpenedCheckout | None = None, card: str = GOOD_CARD, **more: str) -> Visit:
        """Type a card on the page, the last one unless another is named."""
        return self.scenario.stripe.pay((opened or self.opened[-1]).url, card, **more)

    def returns(self, to: OpenedCheckout | str | None = None) -> str:
        """Come back to the return page of a checkout or session, the last one unless another is named; its state."""
        session_id = to if isinstance(to, str) else self.session_id(to)
        return fulfil.fulfil_checkout(self.id, session_id, self.now)

    def buys(self, plan: MadePlan | str | None = None, card: str = GOOD_CARD, *, returns: bool = True) -> Self:
        """Buy a plan, of its own unless one is named, and come back, or close the window instead.

        However busy the machine is: a page's five seconds are not what such a story is about.
        """
        with background_gateway():
            self.at_checkout(plan)
            visit = self.pays(card=card)
            assert visit.location, visit.text
            assert not returns or self.returns() == "paid"
        return self

    def paying(self, plan: MadePlan | str | None = None, card: str = GOOD_CARD) -> Self:
        """Buy a plan and come back; Stripe's events about it are lost, since the return page has done their work.

        Where a test begins that is not about the purchase itself: applying twenty events takes ten times as long.
        """
        self.buys(plan, card)
        self.scenario.stripe.lose()
        return self

    def with_card(self, card: str = "pm_card_visa") -> Self:
        """Choose another card, by Stripe's name for tests, as on Stripe's portal."""
        v1, customer = self.scenario.stripe.client().v1, self.customer_id
        made = v1.payment_methods.attach(card, {"customer": customer}).id
        v1.customers.update(customer, {"invoice_settings": {"default_payment_method": made}})
        return self

    def past_due(self, days: float = 0) -> Self:
        """Its card declines, the next renewal fails, and so many days pass."""
        self.with_card(DECLINES)
        self.scenario.settle()
        self.scenario.renew()
        self.scenario.later(days=days)
        return self

    def pays_what_is_owed(self) -> Self:
        """Its open invoice is paid at Stripe."""
        [owed] = self.scenario.stripe.objects("invoice", customer=self.customer_id, status="open")
        self.scenario.stripe.client().v1.invoices.pay(owed["id"])
        return self

    def on_price_by_hand(self) -> str:
        """Somebody puts a price of 23 USD a month, made in Stripe's dashboard, on its subscription; the price's id."""
        v1 = self.scenario.stripe.client().v1
        theirs = next(each for each in self.scenario.stripe.objects("subscription") if each["ended_at"] is None)
        [item] = theirs["items"]["data"]
        monthly: Any = {"currency": "usd", "unit_amount": 2300, "recurring": {"interval": "month"}}
        price = v1.prices.create({"product": item["price"]["product"], **monthly}).id
        self.put_on_price(price)
        return price

    def put_on_price(self, price: str) -> None:
        """Somebody puts another price on its subscription, at Stripe."""
        theirs = next(each for each in self.scenario.stripe.objects("subscription") if each["ended_at"] is None)
        changed: Any = {"items": [{"id": theirs["items"]["data"][0]["id"], "price": price}]}
        self.scenario.stripe.client().v1.subscriptions.update(theirs["id"], {**changed, "proration_behavior": "none"})

    def session_id(self, of: OpenedCheckout | None = None) -> str:
        """The session at Stripe of a checkout, the last one unless another is named."""
        wanted = str(of.checkout_id if of else self.checkout_id)
        [found] = [
            each["id"]
            for each in self.scenario.stripe.objects("checkout.session")
            if each["metadata"]["tollkeeper_checkout"] == wanted
        ]
        return str(found)

    @property
    def checkout_id(self) -> UUID:
        """Our id of the last checkout."""
        return self.opened[-1].checkout_id

    @property
    def customer_id(self) -> str:
        """The org's customer at Stripe, newest first."""
        mine = str(self.id)
        return next(
            str(each["id"]) for each in self.scenario.stripe.objects("customer") if mine in each["metadata"].values()
        )
