"""How many files of ours a reader opens to follow one thing from end to end; `make walks` prints them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.factories import unique
from tests.pages import csrf_token
from tests.scenario import Org, Scenario
from tests.support.walks import Walk, traced

WARM = 4  # more events than the pool has connections, each of which prepares the statement once


def usage_event(org: Org) -> Walk:
    """One event by the API."""
    headers, body = org.api("usage:write"), {"id": unique("event"), "meter": "api_calls"}
    for _ in range(WARM):
        org.scenario.client.post("/api/v1/usage/events", json=body | {"id": unique("first")}, headers=headers)
    with traced() as walk:
        answer = org.scenario.client.post("/api/v1/usage/events", json=body, headers=headers)
    assert answer.json["recorded"] == 1
    return walk


def webhook(org: Org) -> Walk:
    """`customer.subscription.created`, received and applied."""
    scenario = org.scenario
    org.buys("pro", returns=False)
    [event] = scenario.stripe.events("customer.subscription.created")
    with traced() as walk:
        assert scenario.send(event) == 200
        assert scenario.work() == 1
    assert scenario.inbox(event["id"]).state == "applied"
    return walk


def dashboard(org: Org) -> Walk:
    """The dashboard of an org that used something."""
    browser = org.uses(5).browser()
    browser.get("/dashboard")
    with traced() as walk:
        assert browser.get("/dashboard").status_code == 200
    return walk


def purchase(org: Org) -> Walk:
    """From the button of the upgrade page to Stripe's, and back to the plan."""
    browser, press = org.browser(), _button(org)
    with traced() as there:
        answer = press()
    assert answer.status_code == 303, answer.text[:500]
    back = org.scenario.stripe.pay(answer.headers["Location"]).location
    assert back
    with traced() as here:
        assert browser.get(urlsplit(back)._replace(scheme="", netloc="").geturl()).status_code == 200
    return Walk([*there.files, *(name for name in here.files if name not in there.files)])


def _button(org: Org) -> Callable[[], Any]:
    path = "/billing/upgrade/pro"
    fields = dict(re.findall(r'name="(interval|currency|version)" value="([^"]*)"', org.page(path)))
    fields["csrf_token"] = csrf_token(org.browser(), "/billing")
    return lambda: org.browser().post(path, data=fields)


# What it is today, Flask's own plumbing and every tool of `kit` and `web` included: it may only fall.
# A purchase enters two files more after other tests of its process than alone.
# The dashboard rose once, from 35 files (its bound was 40) to 46, when it came to show where usage is heading: four
# more of `forecast` and `statements/ahead` calculate that, `outlook` says it, bars and running total show it, three of
# `charts` draw it. All of it is on the page of every org with a week of use, so none of these can stay unopened; to
# join them would lower the number and shorten no reading.
# All but the event rose by one when what a page reads came to be one statement (`kit/postgres/together.py`), a purchase
# by two (`catalog/parts.py`).
BOUNDS = {usage_event: 22, webhook: 71, dashboard: 47, purchase: 115}


@pytest.mark.parametrize("act", BOUNDS, ids=lambda act: act.__name__)
def test_one_act_enters_few_files(paid: Scenario, act: Callable[[Org], Walk]) -> None:
    walk = act(paid.org())
    if os.environ.get("WALKS"):
        print(f"\n{act.__name__}: {walk}")
    assert len(walk.files) <= BOUNDS[act], str(walk)
