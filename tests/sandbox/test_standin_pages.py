"""The stand-in's own pages: the customer portal and the controls; plain HTML, for this machine only."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
import requests

from tests.standin import StandIn
from tests.standin_visit import Visit
from tests.today import FixedClock

VOID = {"meta", "link", "input", "br", "hr", "img"}
BACK = "http://localhost/billing"


class Outline(HTMLParser):
    """Fails on a tag that is not closed; gathers ids, labels and what must not be there."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[dict[str, Any]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert tag not in {"script", "style"}
        assert not {"style", "onclick"} & set(given)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(str(given["id"]))
        if tag == "label" and given.get("for"):
            self.labelled.add(str(given["for"]))
        if tag in {"input", "select"} and given.get("type") != "hidden" and "label" not in self.open:
            self.fields.append(given)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def sound(visit: Visit) -> None:
    """The page is valid enough to be read by everybody."""
    assert visit.text.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "Sandbox: no money moves" in visit.text
    outline = Outline(visit.text)
    assert len(outline.ids) == len(set(outline.ids))
    assert all(field.get("id") in outline.labelled for field in outline.fields)


def portal(standin: StandIn, **flow: Any) -> tuple[Visit, str]:
    """A customer in the portal; the visit and the customer's id."""
    client = standin.client()
    owner = client.v1.customers.create({"email": "a@example.com", "name": "Asa Ek"}).id
    params: Any = {"customer": owner, "return_url": BACK, **flow}
    visit = Visit(standin.url)
    visit.open(client.v1.billing_portal.sessions.create(params).url)
    return visit, owner


def default(standin: StandIn, owner: str) -> str | None:
    settings = standin.world.get("customer", owner)["invoice_settings"]
    card: str | None = settings["default_payment_method"]
    return card


def add(visit: Visit, number: str = "4242424242424242", **form: str) -> None:
    visit.submit("add-card", number=number, expiry="12 / 34", cvc="123", **{"name": "Asa Ek", **form})


def test_a_card_is_added_and_used_from_then_on(standin: StandIn) -> None:
    visit, owner = portal(standin)
    sound(visit)
    add(visit)
    assert "The card is saved." in visit.text
    sound(visit)
    first = default(standin, owner)
    add(visit, "5555555555554444")
    assert default(standin, owner) not in {None, first}
    types = [event["type"] for event in standin.events()]
    assert {"setup_intent.succeeded", "payment_method.attached", "customer.updated"} <= set(types)


def test_another_card_is_chosen_and_one_is_removed(standin: StandIn) -> None:
    visit, owner = portal(standin)
    add(visit)
    first = default(standin, owner)
    add(visit, "5555555555554444")
    with requests.Session() as http:
        http.post(visit.page.partition("?")[0] + "/default", data={"card": first}, timeout=5)
        assert default(standin, owner) == first
        http.post(visit.page.partition("?")[0] + "/remove", data={"card": first}, timeout=5)
        assert default(standin, owner) is None
        strange = http.post(visit.page.partition("?")[0] + "/remove", data={"card": "pm_none"}, timeout=5)
        assert strange.status_code == 400
    assert len(standin.objects("payment_method", customer=owner)) == 1


def test_the_flow_for_a_new_card_leads_back(standin: StandIn) -> None:
    after = {"type": "redirect", "redirect": {"return_url": f"{BACK}?card=new"}}
    visit, owner = portal(standin, flow_data={"type": "payment_method_update", "after_completion": after})
    add(visit)
    assert visit.location == f"{BACK}?card=new"
    assert default(standin, owner)


@pytest.mark.parametrize(
    ("number", "form", "words"),
    [
        ("4242424242424241", {}, "number is incorrect"),
        ("4242424242424242", {"expiry": "01 / 20"}, "expiration date"),
        ("4242424242424242", {"cvc": "x"}, "security code"),
        ("4000000000000002", {}, "declined"),
    ],
)
def test_a_wrong_card_is_refused_with_words(standin: StandIn, number: str, form: dict[str, str], words: str) -> None:
    visit, owner = portal(standin)
    visit.submit("add-card", **{"number": number, "expiry": "12 / 34", "cvc": "123", "name": "Asa", **form})
    assert words in visit.text
    sound(visit)
    assert default(standin, owner) is None


@pytest.mark.parametrize(("answer", "saved"), [("pass", True), ("fail", False)])
def test_a_card_that_asks_is_saved_only_when_the_customer_answers(standin: StandIn, answer: str, saved: bool) -> None:
    visit, owner = portal(standin)
    add(visit, "4000002500003155")
    assert visit.has("authenticate")
    sound(visit)
    visit.submit("authenticate", answer=answer)
    assert (default(standin, owner) is not None) == saved


def test_the_portals_address_lives_an_hour(standin: StandIn, clock: FixedClock) -> None:
    from datetime import timedelta

    visit, _ = portal(standin)
    clock.advance(timedelta(hours=1, seconds=1))
    visit.open(visit.page)
    assert visit.status == 404
    assert "has expired" in visit.text


def test_the_controls_work_without_javascript(standin: StandIn, clock: FixedClock) -> None:
    before = clock.now()
    standin.client().v1.customers.create({})
    visit = Visit(standin.url)
    visit.open("/")
    assert visit.page.endswith("/sandbox")
    sound(visit)
    assert "customer.created" in visit.text
    with requests.Session() as http:
        url = f"{standin.url}/sandbox/faults"
        http.post(url, data={"do": "api", "kind": "429", "times": "2", "seconds": "", "path": "/v1/"}, timeout=5)
        http.post(url, data={"do": "webhooks", "hold": "on", "drop": "2", "duplicate": "", "delay": "1.5"}, timeout=5)
        http.post(url, data={"do": "billing", "retry_days": "1, 4", "after_retries": "cancel"}, timeout=5)
        http.post(f"{standin.url}/sandbox/clock", data={"days": "2", "hours": "1"}, timeout=5)
        shown = http.get(url, timeout=5).json()
        visit.open("/sandbox")
        sound(visit)
        http.post(url, data={"do": "clear"}, timeout=5)
        assert http.get(url, timeout=5).json()["api"] == []
        assert http.post(f"{standin.url}/sandbox/clock", data={"days": "-1"}, timeout=5).status_code == 400
    assert shown["api"][0]["kind"] == "429"
    assert shown["webhooks"] == {"hold": True, "reorder": False, "drop": 2, "duplicate": 0, "delay": 1.5}
    assert shown["billing"] == {"retry_days": [1, 4], "after_retries": "cancel"}
    assert (clock.now() - before).total_seconds() == 49 * 3600


def test_pages_are_for_this_machine_and_run_no_script(standin: StandIn) -> None:
    with requests.Session() as http:
        page = http.get(f"{standin.url}/sandbox", timeout=5)
        assert "script-src" not in page.headers["Content-Security-Policy"]
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert re.match("text/css", http.get(f"{standin.url}/style.css", timeout=5).headers["Content-Type"])
        named = {"Host": "evil.example:80"}
        assert http.get(f"{standin.url}/sandbox", headers=named, timeout=5).status_code == 403
        assert http.get(f"{standin.url}/nothing", timeout=5).status_code == 404
        assert http.head(f"{standin.url}/sandbox", timeout=5).status_code == 200
