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
from sqlalchemy import text

from app.payments.gateway import EXTENSION
from app.payments.webhooks.apply import apply_event
from app.stripe_gateway import Gateway
from app.stripe_gateway.circuit import Circuit
from app.web.database import db
from tests.factories import unique
from tests.pages import csrf_token
from tests.portal.billing.test_billing_upgrade import back, press
from tests.portal.conftest import paid, paid_stage
from tests.portal.stage import Cast, Stage
from tests.races.buyer import PLAN
from tests.races.patience import HOST_SECONDS, PAGE_SECONDS, PAUSE_SECONDS
from tests.standin import StandIn

__all__ = ["paid", "paid_stage"]
KEY_MINUTES = timedelta(minutes=11)  # Stripe replays its own 500 under a key; ours for a customer lives ten minutes
FAILING = "pm_card_chargeCustomerFail"


def some(first: list[str], long: list[str]) -> list[Any]:
    """Parameters of every run, and those of the long one."""
    return [*first, *(pytest.param(each, marks=pytest.mark.long) for each in long)]


class Host:
    """A program that reports usage, asks, and looks at its dashboard again and again, until it is stopped."""

    def __init__(self, stage: Stage) -> None:
        self.cast = stage.org()
        self.program, self.key = stage.app.test_client(), stage.key(self.cast.org)
        self.seen: list[tuple[str, int, float]] = []
        self.stop = Event()
        self.asks: dict[str, Callable[[], Any]] = {
            "event": lambda: self._call("events", {"id": unique("e"), "meter": "tokens", "quantity": 1}),
            "check": lambda: self._call("check", {"meter": "tokens"}),
            "dashboard": lambda: self.cast.browser.get("/dashboard"),
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
def trouble(stage: Stage, standin: StandIn, kind: str) -> Iterator[None]:
    """Every call to Stripe goes wrong in this way; the circuit is new afterwards, whose pause is not waited for."""
    if kind == "closed":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
        stage.app.extensions[EXTENSION] = Gateway(StandIn.key, nobody, patient=False, circuit=Circuit())
    else:
        standin.fail(kind, times=999, seconds=30)
    yield
    standin.world.faults.clear()
    stage.app.extensions[EXTENSION] = Gateway.from_settings(stage.app.extensions["tollkeeper"].settings)


@pytest.mark.parametrize("kind", some(["closed", "slow", "429", "500", "reset"], ["timeout", "reset_before"]))
def test_pages_say_what_to_do_in_time_and_nobody_else_notices(paid: Stage, standin: StandIn, kind: str) -> None:
    fresh, waiting, payer = paid.org(), paid.org(), _payer(paid, standin)
    came_back = _path(standin.pay(press(waiting.browser)).location)
    pages = {
        "upgrade": Page(fresh.browser, PLAN, _form(fresh.browser, PLAN)),
        "return": Page(waiting.browser, came_back),
        "card": Page(payer.browser, "/billing/card", _form(payer.browser, "/billing")),
        "cancel": Page(payer.browser, "/billing/cancel", _form(payer.browser, "/billing/cancel")),
    }
    host = Host(paid)
    with ThreadPoolExecutor(len(pages) + 1) as threads, trouble(paid, standin, kind):
        load = threads.submit(host.run)
        answers = dict(zip(pages, threads.map(Page.open, pages.values()), strict=True))
        time.sleep(0.3)
        host.stop.set()
        load.result()
    host.unaffected()
    assert {name: page.took for name, page in pages.items() if page.took > PAGE_SECONDS} == {}
    assert {name: status for name, (status, _) in answers.items()} == {
        "upgrade": 503, "return": 200, "card": 503, "cancel": 503,
    }  # fmt: skip
    assert all("the same payment is never taken twice" in answers[name][1] for name in ("upgrade", "card", "cancel"))
    assert "Do not pay twice" in answers["return"][1]

    assert "You are on Pro" in pages["return"].open()[1]
    assert (pages["card"].open()[0], pages["cancel"].open()[0]) == (303, 303)
    paid.clock.at += KEY_MINUTES if kind == "500" else timedelta()
    assert "You are on Pro" in back(fresh.browser, standin.pay(press(fresh.browser)).location)
    for cast in (fresh, waiting, payer):
        _paid_once(paid, standin, cast)


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/checkout/sessions"])
@pytest.mark.parametrize("kind", some(["timeout"], ["reset"]))
def test_a_press_whose_answer_was_lost_is_pressed_again_and_leads_to_one_payment(
    paid: Stage, standin: StandIn, path: str, kind: str
) -> None:
    cast = paid.org()
    page = Page(cast.browser, PLAN, _form(cast.browser, PLAN))
    standin.fail(kind, path=path, method="POST", seconds=8)
    assert page.open()[0] == 503
    assert page.took < PAGE_SECONDS
    where = press(cast.browser)
    assert where == press(cast.browser)
    assert "You are on Pro" in back(cast.browser, standin.pay(where).location)
    assert (len(standin.objects("customer")), len(standin.objects("checkout.session"))) == (1, 1)
    _paid_once(paid, standin, cast)


@pytest.mark.parametrize("kind", some(["timeout", "500"], ["reset", "reset_before"]))
def test_what_is_owed_is_paid_once_also_when_the_answer_was_lost(paid: Stage, standin: StandIn, kind: str) -> None:
    cast = _payer(paid, standin)
    _fail_a_renewal(paid, standin, cast)
    page = Page(cast.browser, "/billing/pay", _form(cast.browser, "/billing"))
    standin.fail(kind, path="/v1/invoices/", method="POST", seconds=8)
    assert page.open()[0] == 503
    assert page.took < PAGE_SECONDS
    assert page.open()[0] in {303, 409}  # 409: it was paid, and the first answer said so too late
    _work(paid, standin)
    assert [each["paid"] for each in standin.objects("charge")].count(True) == 2
    assert _column(paid, cast, "SELECT state FROM billing_records WHERE org_id = :org") == ["completed"] * 2
    assert _column(paid, cast, "SELECT state FROM subscriptions WHERE org_id = :org AND ended_at IS NULL") == ["active"]


def _payer(stage: Stage, standin: StandIn) -> Cast:
    """An org that has bought Pro."""
    cast = stage.org()
    assert "You are on Pro" in back(cast.browser, standin.pay(press(cast.browser)).location)
    return cast


def _fail_a_renewal(stage: Stage, standin: StandIn, cast: Cast) -> None:
    """The renewal of its only subscription is declined; then a good card is there, and nobody has paid with it yet."""
    v1, theirs = standin.client().v1, standin.objects("subscription")[0]
    for name in (FAILING, "pm_card_visa"):
        card = v1.payment_methods.attach(name, {"customer": theirs["customer"]}).id
        v1.customers.update(theirs["customer"], {"invoice_settings": {"default_payment_method": card}})
        v1.subscriptions.update(theirs["id"], {"default_payment_method": card})
        if name == FAILING:
            for pause in (timedelta(days=30), timedelta(hours=2)):
                stage.clock.at += pause
                standin.run_due()
        _work(stage, standin)
    assert _column(stage, cast, "SELECT state FROM billing_records WHERE org_id = :org ORDER BY id")[-1] == "failed"


def _work(stage: Stage, standin: StandIn) -> None:
    """Webhooks through the door, and their tasks."""
    standin.deliver()
    take = text("DELETE FROM procrastinate_jobs WHERE task_name = 'payments.apply' RETURNING args ->> 'event_id'")
    with stage.app.app_context():
        with db.engine.begin() as connection:
            found = list(connection.execute(take).scalars())
        for event_id in found:
            apply_event(event_id)


def _paid_once(stage: Stage, standin: StandIn, cast: Cast) -> None:
    """One customer, one subscription, one charge, one record; no checkout left open."""
    (customer,) = _column(stage, cast, "SELECT id FROM stripe_customers WHERE org_id = :org")
    assert [each["paid"] for each in standin.objects("charge", customer=customer)] == [True]
    assert len(standin.objects("subscription", customer=customer)) == 1
    assert _column(stage, cast, "SELECT state FROM billing_records WHERE org_id = :org") == ["completed"]
    assert _column(stage, cast, "SELECT state FROM checkouts WHERE org_id = :org") == ["completed"]


def _column(stage: Stage, cast: Cast, statement: str) -> list[Any]:
    with stage.app.app_context(), db.engine.connect() as connection:
        return list(connection.execute(text(statement), {"org": cast.org}).scalars())


def _form(browser: FlaskClient, path: str) -> dict[str, str]:
    """What the page's form would send."""
    page = browser.get(path).get_data(as_text=True)
    chosen = dict(re.findall(r'name="(interval|currency|version)" value="([^"]*)"', page))
    return {"csrf_token": csrf_token(browser, path), **chosen}


def _path(url: str | None) -> str:
    assert url
    return "/" + url.split("/", 3)[3]
