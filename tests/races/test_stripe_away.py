"""Stripe away, slow, refusing or cut off: metering and the dashboard do not notice, its own pages say what to do.

Whoever repeats afterwards what did not answer is charged once, also where Stripe had done the work.
"""

from __future__ import annotations

import html
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.payments.gateway import EXTENSION
from app.stripe_gateway import Gateway
from app.stripe_gateway.client.circuit import Circuit
from tests.factories import unique
from tests.pages import csrf_token
from tests.portal.billing.test_billing_upgrade import back, press
from tests.portal.conftest import paid, paid_app
from tests.races.buyer import PLAN
from tests.races.patience import HOST_SECONDS, PAGE_SECONDS, PAUSE_SECONDS
from tests.scenario import Org, Scenario
from tests.standin import StandIn, hurried
from tests.support.copy import copy

__all__ = ["paid", "paid_app"]
KEY_MINUTES = timedelta(minutes=11)  # Stripe replays its own 500 under a key; ours for a customer lives ten minutes


LIKELY = "closed slow 429 500"  # nobody listens, no answer in time, too many calls, a failure


def some(first: list[str], long: list[str]) -> list[Any]:
    """Parameters of every run, and those of the long one."""
    return [*first, *(pytest.param(each, marks=pytest.mark.long) for each in long)]


class Host:
    """A program that reports usage, asks, and looks at its dashboard again and again, until it is stopped."""

    def __init__(self, scenario: Scenario) -> None:
        self.org = scenario.org()
        browser = self.org.browser()
        self.program, self.key = scenario.app.test_client(), self.org.api()
        self.seen: list[tuple[str, int, float]] = []
        self.stop = Event()
        self.asks: dict[str, Callable[[], Any]] = {
            "event": lambda: self._call("events", {"id": unique("e"), "meter": "tokens", "quantity": 1}),
            "check": lambda: self._call("check", {"meter": "tokens"}),
            "dashboard": lambda: browser.get("/dashboard"),
        }

    def run(self) -> None:
        while not self.stop.wait(PAUSE_SECONDS):
            for what, ask in self.asks.items():
                since = time.monotonic()
                status = ask().status_code
                self.seen.append((what, status, time.monotonic() - since))

    def unaffected(self) -> None:
        """Every call was answered, and soon."""
        assert {what for what, _, _ in self.seen} == set(self.asks)
        assert [each for each in self.seen if each[1] != 200 or each[2] > HOST_SECONDS] == []

    def _call(self, path: str, body: dict[str, object]) -> Any:
        return self.program.post(f"/api/v1/usage/{path}", json=body, headers=self.key)


class Page:
    """A page that needs Stripe: the form was read before; `open` asks for it, `took` says how long that was."""

    def __init__(self, browser: FlaskClient, path: str, form: dict[str, str] | None = None) -> None:
        self.browser, self.path, self.form, self.took = browser, path, form, 0.0

    def open(self) -> tuple[int, str]:
        """Status and words."""
        since = time.monotonic()
        answer = self.browser.post(self.path, data=self.form) if self.form else self.browser.get(self.path)
        self.took = time.monotonic() - since
        return answer.status_code, html.unescape(answer.get_data(as_text=True))


@contextmanager
def trouble(scenario: Scenario, standin: StandIn, kind: str) -> Iterator[None]:
    """Every call to Stripe goes wrong in this way; the circuit is new afterwards, whose pause is not waited for."""
    if kind == "closed":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
        scenario.app.extensions[EXTENSION] = Gateway(StandIn.key, nobody, patient=False, circuit=Circuit())
    else:
        standin.fail(kind, times=999, seconds=30)
    try:
        yield
    finally:
        standin.world.faults.clear()
        scenario.app.extensions[EXTENSION] = hurried(scenario.app)


@pytest.fixture(autouse=True)
def impatient(paid: Scenario) -> None:
    """Pages wait for Stripe for two seconds; what else a page may take here is for a busy machine."""
    paid.app.extensions[EXTENSION] = hurried(paid.app)


@pytest.mark.parametrize("kinds", some([LIKELY], [*LIKELY.split(), "timeout", "reset", "reset_before"]))
@pytest.mark.slow
def test_pages_say_what_to_do_in_time_and_nobody_else_notices(paid: Scenario, standin: StandIn, kinds: str) -> None:
    fresh, waiting, payer = paid.org(), paid.org(), paid.org().buys("pro")
    came_back = _path(standin.pay(press(waiting.browser())).location)
    pages = {
        "upgrade": Page(fresh.browser(), PLAN, _form(fresh.browser(), PLAN)),
        "return": Page(waiting.browser(), came_back),
        "card": Page(payer.browser(), "/billing/card", _form(payer.browser(), "/billing")),
        "cancel": Page(payer.browser(), "/billing/cancel", _form(payer.browser(), "/billing/cancel")),
    }
    host = Host(paid)
    with ThreadPoolExecutor(1) as threads:
        load = threads.submit(host.run)
        try:
            for kind in kinds.split():
                with trouble(paid, standin, kind):
                    _pages_say_what_to_do(pages)
                    time.sleep(0.3)
        finally:
            host.stop.set()
        load.result()
    host.unaffected()

    assert copy("returned.given", plan="Pro") in pages["return"].open()[1]
    assert (pages["card"].open()[0], pages["cancel"].open()[0]) == (303, 303)
    paid.clock.at += KEY_MINUTES if "500" in kinds else timedelta()
    assert copy("returned.given", plan="Pro") in back(fresh.browser(), standin.pay(press(fresh.browser())).location)
    for org in (fresh, waiting, payer):
        _paid_once(org)


def _pages_say_what_to_do(pages: dict[str, Page]) -> None:
    with ThreadPoolExecutor(len(pages)) as threads:
        answers = dict(zip(pages, threads.map(Page.open, pages.values()), strict=True))
    assert {name: page.took for name, page in pages.items() if page.took > PAGE_SECONDS} == {}
    assert {name: status for name, (status, _) in answers.items()} == {
        "upgrade": 503, "return": 200, "card": 503, "cancel": 503,
    }  # fmt: skip
    # card and cancel are of one org: the one that waited for the other's lock says so
    said = [copy("upgrade.trouble"), copy("upgrade.busy")]
    words = {name: answers[name][1] for name in ("upgrade", "card", "cancel")}
    assert {name: page for name, page in words.items() if not any(each in page for each in said)} == {}
    assert copy("returned.not_twice") in answers["return"][1]


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/checkout/sessions"])
@pytest.mark.parametrize("kind", some(["timeout"], ["reset"]))
@pytest.mark.slow
def test_a_press_whose_answer_was_lost_is_pressed_again_and_leads_to_one_payment(
    paid: Scenario, standin: StandIn, path: str, kind: str
) -> None:
    org = paid.org()
    page = Page(org.browser(), PLAN, _form(org.browser(), PLAN))
    standin.fail(kind, path=path, method="POST", seconds=8)
    assert page.open()[0] == 503
    assert page.took < PAGE_SECONDS
    where = press(org.browser())
    assert where == press(org.browser())
    assert copy("returned.given", plan="Pro") in back(org.browser(), standin.pay(where).location)
    assert (len(standin.objects("customer")), len(standin.objects("checkout.session"))) == (1, 1)
    _paid_once(org)


@pytest.mark.parametrize("kind", some(["timeout"], ["500", "reset", "reset_before"]))
@pytest.mark.slow
def test_what_is_owed_is_paid_once_also_when_the_answer_was_lost(paid: Scenario, standin: StandIn, kind: str) -> None:
    org = paid.org().buys("pro").past_due().with_card()  # a good card is there, and nobody has paid with it yet
    paid.settle()
    assert org.records[-1].state == "failed"
    page = Page(org.browser(), "/billing/pay", _form(org.browser(), "/billing"))
    standin.fail(kind, path="/v1/invoices/", method="POST", seconds=8)
    assert page.open()[0] == 503
    assert page.took < PAGE_SECONDS
    assert page.open()[0] in {303, 409}  # 409: it was paid, and the first answer said so too late
    paid.settle()
    assert [each["paid"] for each in standin.objects("charge")].count(True) == 2
    assert org.books["records"] == ["completed"] * 2
    assert org.subscription.state == "active"


def _paid_once(org: Org) -> None:
    """One customer, one subscription, one charge, one record; no checkout left open."""
    org.has_paid_once_for(org.scenario.plan_named("pro"))
    charges = org.scenario.stripe.objects("charge", customer=org.customer_id)
    assert ([each["paid"] for each in charges], org.books["checkouts"]) == ([True], ["completed"])


def _form(browser: FlaskClient, path: str) -> dict[str, str]:
    """What the page's form would send."""
    page = browser.get(path).get_data(as_text=True)
    chosen = dict(re.findall(r'name="(interval|currency|version)" value="([^"]*)"', page))
    return {"csrf_token": csrf_token(browser, path), **chosen}


def _path(url: str | None) -> str:
    assert url
    return "/" + url.split("/", 3)[3]
