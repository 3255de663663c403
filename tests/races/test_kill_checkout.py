"""kill -9 of web and worker at every step between the click and the line in the history, as `make run` runs them.

Whatever is killed when: one subscription, one charge, one completed record, the plan's limits, a settled inbox.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from random import Random
from threading import Timer
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import requests
import stripe

from sandbox.postgres import server as postgres
from sandbox.standin import API_VERSION
from tests.browser.stack import Stack, running, until
from tests.races.buyer import STEPS, Buyer
from tests.races.test_kill_everything import kill

VICTIMS = {"web": "granian", "worker": "app.worker"}
BOUGHT_SECONDS, SETTLED_SECONDS = 90, 240
SLOW = ("/v1/checkout/sessions", "/v1/customers", "/v1/subscriptions", "/v1/invoices", "/v1/payment_intents")
# The likeliest to break anything come first: they are the ones of every run.
FIRST = [("opening", "web"), ("told", "worker"), ("returning", "web")]
POINTS = FIRST + [each for each in product(STEPS, VICTIMS) if each not in FIRST]
SETTLED = {"applied", "ignored"}


@dataclass
class Shot:
    """A kill of a victim so many seconds after a step was reached."""

    step: str
    victim: str
    delay: float


@dataclass
class Killer:
    """Fires each shot once."""

    stack: Stack
    shots: list[Shot]
    fired: list[Timer] = field(default_factory=list)

    def reached(self, step: str) -> None:
        """A step of the customer's."""
        for shot in [each for each in self.shots if each.step == step]:
            self.shots.remove(shot)
            self.fired.append(Timer(shot.delay, kill, (self.stack, VICTIMS[shot.victim])))
            self.fired[-1].start()

    def rest(self) -> None:
        """Wait for those that are under way."""
        for each in self.fired:
            each.join()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running() as it:
        yield it


@pytest.mark.long
@pytest.mark.parametrize("rounds", [range(20)], ids=["20 rounds"])
def test_a_purchase_survives_kill_9_at_every_step_and_happens_once(stack: Stack, rounds: range) -> None:
    buyers = {number: _buyer(stack, number) for number in rounds}
    for number, buyer in buyers.items():
        _round(stack, buyer, number)
    begun = time.monotonic()
    stack.flask("stripe", "reconcile")  # Stripe's next try of an event that met three kills may be ten minutes away
    for number, buyer in buyers.items():
        _settled(stack, buyer, number)
    print(f"all settled {time.monotonic() - begun:.1f} s after the last purchase")


def _round(stack: Stack, buyer: Buyer, seed: int) -> None:
    """One purchase and three kills: one at a point of its own, two wherever the seed says."""
    chance, (step, victim) = Random(seed), POINTS[seed % len(POINTS)]
    shots = [Shot(step, victim, chance.uniform(0.0, 0.6))]
    shots += [Shot(chance.choice(STEPS), chance.choice([*VICTIMS]), chance.uniform(0, 1)) for _ in range(2)]
    said = ", ".join(f"{each.victim} {each.delay:.2f} s after {each.step}" for each in shots)
    slow = [{"kind": "slow", "path": path, "seconds": chance.uniform(0.1, 0.6), "times": 2} for path in SLOW]
    stack.switch(clear=True, api=slow)
    killer = Killer(stack, shots)
    buyer.reached = killer.reached
    took = buyer.buy(BOUGHT_SECONDS)
    killer.rest()
    met = "; ".join(f"{count} x {each}" for each, count in Counter(buyer.troubles).most_common(4))
    print(f"seed {seed}: bought in {took:.1f} s; killed {said}; met {met or 'nothing'}")
    stack.switch(clear=True)
    until(lambda: _ready(stack), "the portal to be back", 30)


def _settled(stack: Stack, buyer: Buyer, seed: int) -> None:
    """Everything happened once, and nothing is left to do."""
    try:
        until(lambda: _open_ends(stack, buyer) == [], f"the end of round {seed}", SETTLED_SECONDS)
    except TimeoutError as late:
        raise AssertionError(f"{late}: {_open_ends(stack, buyer)}") from late
    client, customer = _stripe(stack), _customer(stack, buyer)
    assert [each.email for each in client.v1.customers.list({"email": buyer.email}).data] == [buyer.email]
    subscriptions = client.v1.subscriptions.list({"customer": customer, "status": "all"}).data
    assert [each.status for each in subscriptions] == ["active"], seed
    charges = client.v1.charges.list({"customer": customer}).data
    assert [(each.paid, each.amount) for each in charges] == [(True, 4900)], seed
    assert _rows(stack, buyer, "SELECT state, amount FROM billing_records WHERE org_id = %s") == [("completed", 4900)]
    assert _rows(stack, buyer, "SELECT state FROM checkouts WHERE org_id = %s") == [("completed",)]
    assert _rows(stack, buyer, "SELECT state FROM subscriptions WHERE org_id = %s") == [("active",)]
    limits = (
        "SELECT DISTINCT l.allowance FROM terms_in_force l JOIN meters m ON m.id = l.meter_id JOIN usage_periods p"
        " ON p.org_id = l.org_id AND p.starts_at = l.period_start"
        f" WHERE l.org_id = %s AND m.key = 'api_calls' AND '{stack.business_now().isoformat()}' < p.ends_at"
    )
    assert _rows(stack, buyer, limits) == [(50_000,)]
    assert len([mail for mail in stack.mails(buyer.email) if "Payment received" in mail["subject"]]) == 1
    assert buyer.has_pro()


def _open_ends(stack: Stack, buyer: Buyer) -> list[str]:
    """What still waits of this customer: deliveries, events, tasks, letters."""
    customer = _customer(stack, buyer)
    found = [f"no row of {each}" for each in _undelivered(stack, customer)]
    with psycopg.connect(postgres.url(stack.instance / "postgres")) as connection:
        asked = "SELECT id, type, state FROM stripe_inbox WHERE customer_id = %s AND NOT state = ANY (%s)"
        found += [" ".join(row) for row in connection.execute(asked, (customer, list(SETTLED)))]
        tasks = "SELECT task_name, status::text FROM procrastinate_jobs WHERE lock = %s"
        found += [" ".join(row) for row in connection.execute(tasks, (f"stripe:{customer}",))]
        letters = "SELECT template, state FROM mail_outbox WHERE to_address = %s AND state <> 'sent'"
        found += [" ".join(row) for row in connection.execute(letters, (buyer.email,))]
    return found


def _undelivered(stack: Stack, customer: str) -> list[str]:
    """Events of the customer that the portal has not taken yet: neither delivered nor fetched."""
    found = _stripe(stack).v1.events.list({"limit": 100}).auto_paging_iter()
    waiting = {each.id: each.type for each in found if each.pending_webhooks and customer in str(each)}
    with psycopg.connect(postgres.url(stack.instance / "postgres")) as connection:
        taken = connection.execute("SELECT id FROM stripe_inbox WHERE id = ANY (%s)", (list(waiting),)).fetchall()
    return [kind for name, kind in waiting.items() if (name,) not in taken]


def _buyer(stack: Stack, seed: int) -> Buyer:
    email, password = f"buyer{seed}-{uuid4().hex[:6]}@kill.example", uuid4().hex
    stack.flask("accounts", "create-user", email, "--verified", "--password", password)
    made = Buyer(stack.base, stack.stripe, email, password, Random(seed))
    made.sign_in()
    return made


def _customer(stack: Stack, buyer: Buyer) -> str:
    found = _rows(stack, buyer, "SELECT id FROM stripe_customers WHERE org_id = %s")
    assert len(found) == 1
    return str(found[0][0])


def _rows(stack: Stack, buyer: Buyer, statement: str) -> list[tuple[Any, ...]]:
    of = "(SELECT m.org_id FROM memberships m JOIN users u ON u.id = m.user_id WHERE u.email = %s)"
    with psycopg.connect(postgres.url(stack.instance / "postgres")) as connection:
        return connection.execute(statement.replace("%s", of), (buyer.email,)).fetchall()


def _stripe(stack: Stack) -> stripe.StripeClient:
    key = (stack.instance / "stripe_secret_key").read_text(encoding="ascii").strip()
    return stripe.StripeClient(key, base_addresses={"api": stack.stripe}, stripe_version=API_VERSION)


def _ready(stack: Stack) -> bool:
    try:
        return requests.get(f"{stack.base}/readyz", timeout=2).status_code == 200
    except requests.RequestException:
        return False
