"""A crowd presses "pay" while Stripe takes half a minute: a whole installation goes on metering meanwhile."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Event
from uuid import uuid4

import pytest
import requests

from tests.browser.stack import running
from tests.races.buyer import PLAN, Buyer
from tests.races.patience import HOST_SECONDS, PAGE_SECONDS, PAUSE_SECONDS

OWNERS = ("new", "steady", "near", "high", "full")


@pytest.mark.long
@pytest.mark.alone
def test_metering_and_the_dashboard_go_on_while_a_crowd_waits_for_stripe() -> None:
    with running() as stack:
        emails = [f"{name}@demo.example" for name in OWNERS for _tab in range(2)]
        crowd = [Buyer(stack.base, stack.stripe, each, stack.password(each), Random(0)) for each in emails]
        looker = Buyer(stack.base, stack.stripe, emails[0], stack.password(emails[0]), Random(0))
        for each in (*crowd, looker):
            each.sign_in()
            each.form(PLAN)
        stack.switch(api={"kind": "slow", "seconds": 30, "times": 999})
        stop, seen = Event(), list[tuple[str, int, float]]()
        with ThreadPoolExecutor(len(crowd) + 1) as threads:
            host = threads.submit(_host, stack.base, stack.demo["api_key"], looker, stop, seen)
            pressed = list(threads.map(_press, crowd))
            stop.set()
            host.result()
    print(f"pages: {sorted((status, round(took, 2)) for status, took in pressed)}")
    for what in ("events", "check", "dashboard"):
        took = [each[2] for each in seen if each[0] == what]
        print(f"{what}: {len(took)} calls, slowest {max(took):.2f} s")
    assert [each for each in pressed if each[0] != 503 or each[1] > PAGE_SECONDS] == []
    assert [each for each in seen if each[1] != 200 or each[2] > HOST_SECONDS] == []


def _press(buyer: Buyer) -> tuple[int, float]:
    since = time.monotonic()
    return buyer.post(PLAN, buyer.held).status_code, time.monotonic() - since


def _host(base: str, key: str, looker: Buyer, stop: Event, seen: list[tuple[str, int, float]]) -> None:
    """One call after the other; each opens a connection of its own, so that no process of the portal is left out."""
    headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
    while not stop.wait(PAUSE_SECONDS):
        for what in ("events", "check", "dashboard"):
            since = time.monotonic()
            if what == "dashboard":
                status = looker.http.get(f"{base}/dashboard", headers={"Connection": "close"}, timeout=10).status_code
            else:
                body = {"meter": "tokens", **({"id": uuid4().hex} if what == "events" else {})}
                status = requests.post(
                    f"{base}/api/v1/usage/{what}", json=body, headers=headers, timeout=10
                ).status_code
            seen.append((what, status, time.monotonic() - since))
