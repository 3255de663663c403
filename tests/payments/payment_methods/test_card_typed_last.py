"""A returning customer types cards here and there; Stripe's events come in any order. The last card is charged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest

from app.payments.cli import background_gateway
from app.payments.webhooks.handlers import HANDLERS
from tests.payments.lifecycle import Post
from tests.scenario import Org, Scenario
from tests.standin import GOOD_CARD
from tests.standin_visit import Visit

SEEDS = [
    *(pytest.param(seed, id=f"seed {seed}") for seed in (6, 11)),
    *(pytest.param(seed, id=f"seed {seed}", marks=pytest.mark.long) for seed in range(30) if seed not in {6, 11}),
]
BOUGHT_WITH = "5555555555554444"
TYPED = ("4012888888881881", "378282246310005", "6011111111111117", "4000056655665556")


@dataclass
class Customer:
    """Somebody who paid with 4242 once, and what they did since: the card used last, and the checkouts left open."""

    scenario: Scenario
    org: Org
    random: Random
    last: str = GOOD_CARD
    unseen: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=lambda: list(TYPED))

    def buys(self) -> None:
        """Buy a plan with another card, and perhaps close the tab."""
        self.org.opens()
        self._pays(BOUGHT_WITH)

    def saves_a_card(self) -> None:
        """Type a card on Stripe's page for saving one, and perhaps close the tab."""
        self.org.opens_card_page()
        self._pays(self.fresh.pop())

    def types_in_portal(self) -> None:
        """Add a card in Stripe's portal, which makes it the customer's."""
        asked = {"customer": self.org.customer_id, "return_url": "https://example.com"}
        opened = self.scenario.stripe.client().v1.billing_portal.sessions.create(asked)  # type: ignore[arg-type]
        visit, self.last = Visit(self.scenario.stripe.url), self.fresh.pop()
        visit.open(opened.url)
        visit.submit("add-card", number=self.last, expiry="12 / 34", cvc="123", name="Asa Ek")
        assert visit.status == 200, visit.text

    def chooses_in_portal(self) -> None:
        """Choose a card that was typed long ago, in Stripe's portal."""
        [customer] = self.scenario.stripe.objects("customer")
        saved = self.scenario.stripe.objects("payment_method", customer=customer["id"])
        used = customer["invoice_settings"]["default_payment_method"]
        chosen = self.random.choice([card for card in saved if card["id"] != used])
        settings = {"default_payment_method": chosen["id"]}
        self.scenario.stripe.client().v1.customers.update(customer["id"], {"invoice_settings": settings})
        self.last = str(chosen["card"]["last4"])

    def chooses_for_the_subscription(self) -> None:
        """Choose a saved card for the subscription alone, as Stripe's dashboard lets staff do."""
        [running] = [each for each in self.scenario.stripe.objects("subscription") if each["ended_at"] is None]
        saved = self.scenario.stripe.objects("payment_method", customer=running["customer"])
        chosen = self.random.choice([card for card in saved if card["id"] != running["default_payment_method"]])
        self.scenario.stripe.client().v1.subscriptions.update(running["id"], {"default_payment_method": chosen["id"]})
        self.last = str(chosen["card"]["last4"])

    def _pays(self, card: str) -> None:
        assert self.org.pays(card=card).location
        self.last, session_id = card, self.org.session_id()
        if self.random.random() < 0.3:
            assert self.org.returns(session_id) in {"paid", "saved"}
        self.unseen.append(session_id)

    def comes_back_late(self) -> None:
        """Reload the return pages of all checkouts, in whatever order."""
        for session_id in self.random.sample(self.unseen, len(self.unseen)):
            assert self.org.returns(session_id) in {"paid", "saved"}


def returning(scenario: Scenario, random: Random) -> Customer:
    """A customer whose first plan, paid with 4242, has ended; all is quiet."""
    org = scenario.org().paying()
    scenario.later(days=1)
    [theirs] = scenario.stripe.objects("subscription")
    scenario.stripe.client().v1.subscriptions.cancel(theirs["id"])
    scenario.settle()
    return Customer(scenario, org, random)


def live(customer: Customer, acts: list[Callable[[], None]]) -> int:
    """Do one act after the other while old events arrive, each twice; in the end all have. Returns how many came."""
    scenario, random = customer.scenario, customer.random
    post, known = Post(scenario, random, []), len(scenario.stripe.events())
    scenario.stripe.deliver_to(post.catch)
    for act in acts:
        scenario.later(seconds=random.randint(1, 300))
        act()
        scenario.stripe.deliver()
        post.some()
    happened = [each for each in scenario.stripe.events()[known:] if each["type"] in HANDLERS]
    while post.caught or scenario.stripe.deliver():
        post.all()
        scenario.work()
    customer.comes_back_late()
    scenario.stripe.deliver_to(scenario.client)
    scenario.settle()
    return len(happened)


def assert_known(customer: Customer) -> None:
    """The card used last is the customer's and the subscription's at Stripe, and the one that we show."""
    mirror = customer.org.customer
    assert mirror is not None
    assert mirror.card_last4 == customer.last[-4:]
    [theirs] = customer.scenario.stripe.objects("customer")
    [running] = [each for each in customer.scenario.stripe.objects("subscription") if each["ended_at"] is None]
    cards = {theirs["invoice_settings"]["default_payment_method"], running["default_payment_method"]}
    assert cards == {mirror.card_id}


def assert_charged_at_renewal(customer: Customer) -> None:
    """The card used last is known, and the next month is paid with it."""
    assert_known(customer)
    before = {charge["id"] for charge in customer.scenario.stripe.objects("charge")}
    customer.scenario.renew()
    charges = [charge for charge in customer.scenario.stripe.objects("charge") if charge["id"] not in before]
    assert [charge["payment_method_details"]["card"]["last4"] for charge in charges] == [customer.last[-4:]]


def replay(scenario: Scenario, *kinds: str) -> None:
    """Hand over the last event of each of these types, in this order."""
    for kind in kinds:
        assert scenario.send(scenario.stripe.events(kind)[-1]) == 200
        scenario.work()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.slow
def test_the_card_typed_last_is_charged_whatever_arrives_when(scenario: Scenario, seed: int) -> None:
    print("seed", seed)
    with background_gateway():
        customer = returning(scenario, Random(seed))
        random = customer.random
        before = random.choice([[], [customer.types_in_portal]])
        after = [customer.types_in_portal, customer.chooses_in_portal, customer.saves_a_card,
                 customer.chooses_for_the_subscription]  # fmt: skip
        events = live(customer, [*before, customer.buys, *random.sample(after, random.randint(0, 3))])
        assert events >= 5
        assert_charged_at_renewal(customer)


@pytest.mark.parametrize(
    "first",
    [
        "customer.subscription.created",
        pytest.param("payment_method.attached", marks=pytest.mark.long),
        pytest.param("invoice.paid", marks=pytest.mark.long),
    ],
)
@pytest.mark.slow
def test_a_purchase_with_another_card_and_a_closed_tab_is_charged_to_that_card(scenario: Scenario, first: str) -> None:
    customer = returning(scenario, Random(0))
    scenario.stripe.hold()
    scenario.later(minutes=5)
    customer.org.opens()
    customer.org.pays(card=BOUGHT_WITH)
    customer.last = BOUGHT_WITH
    replay(scenario, first, "customer.subscription.created", "payment_method.attached", "checkout.session.completed")
    scenario.stripe.release()
    scenario.settle()
    assert_charged_at_renewal(customer)


@pytest.mark.parametrize("change", ["types_in_portal", "chooses_in_portal"])
@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.slow
def test_a_card_chosen_in_the_portal_after_the_purchase_survives_a_late_fulfilment(
    scenario: Scenario, change: str, heard: bool
) -> None:
    customer = returning(scenario, Random(1))
    customer.scenario.stripe.client().v1.payment_methods.attach(
        "pm_card_mastercard", {"customer": customer.org.customer_id}
    )
    scenario.settle()
    scenario.stripe.hold()
    scenario.later(minutes=5)
    customer.org.opens()
    customer.org.pays(card="6011111111111117")
    scenario.later(minutes=5)
    getattr(customer, change)()
    if heard:
        replay(scenario, "customer.updated")
    assert customer.org.returns() == "paid"
    scenario.stripe.release()
    scenario.settle()
    assert_known(customer)


def test_a_saved_card_heard_of_late_does_not_replace_one_chosen_since(scenario: Scenario) -> None:
    customer = Customer(scenario, scenario.org().paying(), Random(2))
    scenario.stripe.hold()
    scenario.later(minutes=5)
    customer.org.opens_card_page()
    customer.org.pays(card=customer.fresh.pop())
    scenario.later(minutes=5)
    customer.types_in_portal()
    assert customer.org.returns() == "saved"
    scenario.stripe.release()
    scenario.settle()
    assert_known(customer)


def test_a_copy_that_stripe_refused_in_the_middle_is_finished_whatever_is_heard_next(scenario: Scenario) -> None:
    customer = Customer(scenario, scenario.org().paying(), Random(2))
    scenario.stripe.hold()
    scenario.later(minutes=5)
    customer.org.opens_card_page()
    customer.last = customer.fresh.pop()
    customer.org.pays(card=customer.last)
    scenario.later(minutes=5)
    scenario.stripe.fail("500", path="/v1/subscriptions", method="POST")
    assert customer.org.returns() == "away"  # the customer has the card by now, the subscription has not
    replay(scenario, "customer.updated")
    assert_known(customer)
    scenario.stripe.release()
    scenario.settle()
    assert_known(customer)


def test_a_saved_card_that_was_removed_since_is_left_alone(scenario: Scenario) -> None:
    customer = Customer(scenario, scenario.org().paying(), Random(2))
    scenario.stripe.hold()
    scenario.later(minutes=5)
    customer.org.opens_card_page()
    customer.org.pays(card=customer.fresh.pop())
    saved = scenario.stripe.events("setup_intent.succeeded")[-1]["data"]["object"]["payment_method"]
    scenario.later(minutes=5)
    scenario.stripe.client().v1.payment_methods.detach(saved)
    assert customer.org.returns() == "saved"
    scenario.stripe.release()
    scenario.settle()
    assert_known(customer)


@pytest.mark.slow
def test_a_card_chosen_beyond_stripes_memory_is_told_by_when_it_was_typed(scenario: Scenario) -> None:
    customer = Customer(scenario, scenario.org().paying(), Random(2))
    scenario.later(minutes=5)
    customer.types_in_portal()
    scenario.stripe.lose()
    scenario.later(days=31)
    scenario.stripe.run_due()
    scenario.settle()
    scenario.stripe.client().v1.customers.update(customer.org.customer_id, {"name": "Acme"})
    scenario.settle()
    scenario.later(hours=2)
    scenario.settle()
    assert_known(customer)
