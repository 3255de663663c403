"""Webhooks and the events list: signed, tried again, switched to misbehave; and the list that makes up for it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import stripe

from sandbox.standin import API_VERSION
from sandbox.standin.engine.webhook_deliveries import PAUSES_S
from tests.standin import StandIn
from tests.today import FixedClock


class Door:
    """A receiver that keeps what it was given and answers as it is told."""

    def __init__(self, standin: StandIn, status: int = 200) -> None:
        self.status, self.got = status, []  # type: ignore[var-annotated]
        standin.deliver_to(self)

    def __call__(self, body: bytes, headers: dict[str, str]) -> int:
        self.got.append((body, headers))
        return self.status

    def ids(self) -> list[str]:
        return [json.loads(body)["id"] for body, _ in self.got]


def three(standin: StandIn) -> list[str]:
    """Three events; their ids, oldest first."""
    for n in range(3):
        standin.client().v1.customers.create({"email": f"{n}@example.com"})
    return [event["id"] for event in standin.events()]


def test_a_delivery_is_signed_so_that_the_sdk_believes_it(standin: StandIn) -> None:
    door = Door(standin)
    standin.client().v1.customers.create({"email": "a@example.com"})
    assert standin.deliver() == 1
    body, headers = door.got[0]
    event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], standin.secret, tolerance=0)  # type: ignore[no-untyped-call]
    assert (event.type, event.api_version, event.livemode) == ("customer.created", API_VERSION, False)
    assert event.pending_webhooks == 1
    assert standin.events()[0]["pending_webhooks"] == 0
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], "whsec_other", tolerance=0)  # type: ignore[no-untyped-call]


def test_a_refused_delivery_is_tried_again_later_with_a_fresh_signature(standin: StandIn, wall: FixedClock) -> None:
    door = Door(standin, status=503)
    standin.client().v1.customers.create({})
    assert standin.deliver(hurry=False) == 1
    assert standin.deliver(hurry=False) == 0  # not yet
    door.status = 200
    wall.advance(timedelta(seconds=PAUSES_S[0]))
    assert standin.deliver(hurry=False) == 1
    first, second = (headers["Stripe-Signature"] for _, headers in door.got)
    assert first != second
    assert door.got[0][0] == door.got[1][0]
    assert [one.state for one in standin.deliveries()] == ["done"]


def test_a_delivery_is_given_up_at_last_and_the_events_list_knows(standin: StandIn) -> None:
    Door(standin, status=500)
    three(standin)
    for _ in range(len(PAUSES_S) + 1):
        standin.deliver()
    assert {one.state for one in standin.deliveries()} == {"failed"}
    client = standin.client()
    assert len(client.v1.events.list({"delivery_success": False}).data) == 3
    assert client.v1.events.list({"delivery_success": True}).data == []


def test_events_are_listed_by_type_and_after_a_cursor(standin: StandIn) -> None:
    client = standin.client()
    ids = three(standin)
    client.v1.products.create({"name": "Pro"})
    wanted = client.v1.events.list({"types": ["customer.created", "customer.updated"], "ending_before": ids[0]})
    assert [event.id for event in wanted.data] == ids[:0:-1]
    assert client.v1.events.list({"type": "product.*"}).data[0].type == "product.created"
    assert client.v1.events.retrieve(ids[1]).id == ids[1]


def test_switches_drop_duplicate_reorder_and_hold(standin: StandIn) -> None:
    door = Door(standin)
    ids = three(standin)
    standin.hold()
    assert standin.deliver() == 0
    standin.release()
    standin.webhooks(drop=1, duplicate=1)
    standin.deliver()
    assert door.ids() == [ids[1], ids[1], ids[2]]
    assert [one.state for one in standin.deliveries()] == ["dropped", "done", "done"]
    assert [event.id for event in standin.client().v1.events.list({"delivery_success": False}).data] == [ids[0]]
    standin.webhooks(reorder=True)
    door.got.clear()
    more = three(standin)[3:]
    standin.deliver()
    assert door.ids() == more[::-1]


def test_a_delay_lets_wall_time_pass_first(standin: StandIn, wall: FixedClock) -> None:
    door = Door(standin)
    standin.webhooks(delay=30)
    three(standin)
    assert standin.deliver(hurry=False) == 0
    wall.advance(timedelta(seconds=31))
    standin.deliver(hurry=False)
    assert len(door.got) == 3


def test_an_endpoint_gets_only_the_types_it_asked_for(standin: StandIn) -> None:
    client = standin.client()
    made = client.v1.webhook_endpoints.create({"url": "http://localhost/x", "enabled_events": ["product.created"]})
    client.v1.customers.create({})
    client.v1.products.create({"name": "Pro"})
    assert [one.endpoint for one in standin.deliveries()].count(made.id) == 1
    client.v1.webhook_endpoints.update(made.id, {"disabled": True})
    client.v1.products.create({"name": "Max"})
    assert [one.endpoint for one in standin.deliveries()].count(made.id) == 1


def test_nobody_at_the_address_counts_as_a_failed_try(standin: StandIn) -> None:
    def away(_body: bytes, _headers: dict[str, str]) -> int:
        raise ConnectionRefusedError

    standin.deliver_to(away)
    standin.client().v1.customers.create({})
    standin.deliver()
    (one,) = standin.deliveries("waiting")
    assert (one.tries, one.note) == (1, "no answer (ConnectionRefusedError)")
