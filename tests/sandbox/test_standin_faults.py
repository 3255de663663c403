"""The switches of the API: each kind of failure does to a caller what Stripe's own would; nothing is left half done."""

from __future__ import annotations

import time

import pytest
import requests
import stripe

from sandbox.standin.errors import StripeError
from tests.sandbox.billing import refused
from tests.standin import StandIn


@pytest.fixture
def hasty(standin: StandIn) -> stripe.StripeClient:
    return standin.client(http_client=stripe.RequestsClient(timeout=(1, 0.3)))


@pytest.mark.parametrize(("kind", "done"), [("timeout", 1), ("reset", 1), ("reset_before", 0)])
def test_a_broken_connection_leaves_the_outcome_unknown_and_the_key_settles_it(
    standin: StandIn, hasty: stripe.StripeClient, kind: str, done: int
) -> None:
    standin.fail(kind, seconds=0.6)
    with pytest.raises(stripe.APIConnectionError):
        hasty.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k"})
    assert len(standin.objects("customer")) == done
    time.sleep(0.4)
    again = standin.client().v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k"})
    assert [one["id"] for one in standin.objects("customer")] == [again.id]


def test_a_slow_answer_is_still_an_answer(standin: StandIn) -> None:
    standin.fail("slow", seconds=0.2)
    started = time.monotonic()
    assert standin.client().v1.customers.create({}).id
    assert time.monotonic() - started >= 0.2


def test_a_fault_meets_only_the_calls_it_names(standin: StandIn) -> None:
    client = standin.client()
    standin.fail("503", path="/v1/products", method="POST")
    assert client.v1.customers.create({}).id
    assert client.v1.products.list().data == []
    assert refused(lambda: client.v1.products.create({"name": "Pro"}))["status"] == 503
    assert client.v1.products.create({"name": "Pro"}).id


@pytest.mark.slow
def test_the_sdk_tries_again_under_the_same_key(standin: StandIn) -> None:
    standin.fail("503", times=2)
    standin.client(max_network_retries=2).v1.customers.create({})
    keys = {seen.call.key for seen in standin.calls}
    assert (len(standin.calls), len(keys), len(standin.objects("customer"))) == (3, 1, 1)


def test_the_switches_are_set_by_json_and_shown(standin: StandIn) -> None:
    with requests.Session() as http:
        url = f"{standin.url}/sandbox/faults"
        asked = {
            "api": {"kind": "429", "times": 2},
            "webhooks": {"drop": 3},
            "billing": {"retry_days": [1, 2], "after_retries": "unpaid"},
        }
        shown = http.post(url, json=asked, timeout=5).json()
        assert shown["api"][0]["times"] == 2
        assert shown["webhooks"]["drop"] == 3
        assert shown["billing"] == {"retry_days": [1, 2], "after_retries": "unpaid"}
        assert http.post(url, json={"api": {"kind": "moon"}}, timeout=5).status_code == 400
        assert http.post(url, json={"webhooks": {"moon": 1}}, timeout=5).status_code == 400
        assert http.post(url, data="{", headers={"Content-Type": "application/json"}, timeout=5).status_code == 400
        assert http.post(url, json={"clear": True}, timeout=5).json()["api"] == []
        assert http.get(url, timeout=5).json()["webhooks"]["drop"] == 0
        elsewhere = {"Origin": "https://evil.example"}
        assert http.post(url, json={"clear": True}, headers=elsewhere, timeout=5).status_code == 403


def test_a_change_set_that_fails_leaves_nothing_half(standin: StandIn) -> None:
    world = standin.world
    with world.change():
        kept = world.add({"id": "cus_kept", "object": "customer", "name": "before"})

    def half() -> None:
        with world.change():
            kept["name"] = "after"
            world.save(kept)
            world.add({"id": "cus_new", "object": "customer"})
            raise LookupError

    def removed() -> None:
        with world.change():
            world.remove(kept)
            raise LookupError

    with pytest.raises(LookupError):
        half()
    assert kept["name"] == "before"
    assert world.find("cus_new") is None
    assert [one["id"] for one in world.all("customer")] == ["cus_kept"]
    with pytest.raises(LookupError):
        removed()
    assert world.find("cus_kept") == {"id": "cus_kept", "object": "customer", "name": "before"}


def test_due_work_that_fails_is_undone_and_does_not_stand_in_the_way(standin: StandIn) -> None:
    standin.client().v1.customers.create({})
    world, now = standin.world, standin.world.now()
    with world.change():
        world.schedule(now, "refund_fails", refund="re_none")
        world.schedule(now, "clock_ready", clock="clock_none")
    with pytest.raises(StripeError):
        standin.run_due()
    assert standin.run_due() == 1
    assert standin.run_due() == 0
