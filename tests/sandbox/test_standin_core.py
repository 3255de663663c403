"""The stand-in behaves as Stripe's API does: parameters, errors, expansion, cursors, metadata, idempotency."""

from __future__ import annotations

import threading
from typing import Any, ForwardRef, get_args

import pytest
import requests
from typing_extensions import is_typeddict

from sandbox.standin import API_VERSION, routes
from sandbox.standin.http import params
from tests.sandbox.billing import refused
from tests.standin import StandIn


def post(standin: StandIn, path: str, body: str, **headers: str) -> requests.Response:
    """A call as it travels, without the SDK's help."""
    sent = {
        "Authorization": f"Bearer {standin.key}",
        "Stripe-Version": API_VERSION,
        "Content-Type": "application/x-www-form-urlencoded",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    with requests.Session() as http:
        return http.post(standin.url + path, data=body, headers=sent, timeout=5)


def get(standin: StandIn, path: str, **headers: str) -> requests.Response:
    sent = {"Authorization": f"Bearer {standin.key}", "Stripe-Version": API_VERSION} | headers
    with requests.Session() as http:
        return http.get(standin.url + path, headers=sent, timeout=5)


def test_a_customer_is_created_read_and_changed(standin: StandIn) -> None:
    client = standin.client()
    made = client.v1.customers.create({"email": "a@example.com", "metadata": {"org": "x"}})
    assert client.v1.customers.retrieve(made.id).email == "a@example.com"
    client.v1.customers.update(made.id, {"name": "Asa"})
    updated = standin.events("customer.updated")[-1]
    assert updated["data"]["previous_attributes"] == {"name": None}
    assert updated["data"]["object"]["name"] == "Asa"


def test_an_unknown_parameter_is_refused_at_any_depth(standin: StandIn) -> None:
    with standin.unchecked():
        top = post(standin, "/v1/customers", "favourite=blue").json()["error"]
        deep = post(standin, "/v1/customers", "invoice_settings[colour]=blue").json()["error"]
    assert (top["code"], top["param"]) == ("parameter_unknown", "favourite")
    assert (deep["code"], deep["param"]) == ("parameter_unknown", "invoice_settings[colour]")
    assert standin.objects("customer") == []


@pytest.mark.parametrize(
    ("path", "body", "code", "param"),
    [
        ("/v1/prices", "unit_amount=1", "parameter_missing", "currency"),
        ("/v1/prices", "currency=eur&unit_amount=one", "parameter_invalid_integer", "unit_amount"),
        ("/v1/prices", "currency=eur&unit_amount=1&active=yes", None, "active"),
        ("/v1/prices", "currency=eur&unit_amount=1&recurring[interval]=moon", None, "recurring[interval]"),
        ("/v1/payment_intents", "amount=100&currency=", "parameter_missing", "currency"),
        ("/v1/payment_intents", "amount=100&currency=eur&payment_method_types[]=card",
         "payment_method_types_no_longer_supported", "payment_method_types"),
        ("/v1/customers", "email=a&email=b", None, "email"),
        ("/v1/customers", "expand[]=nothing", None, "expand"),
        ("/v1/customers", "metadata[a][b]=c", None, "metadata[a]"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused_in_stripes_words(
    standin: StandIn, path: str, body: str, code: str | None, param: str
) -> None:
    with standin.unchecked():
        answer = post(standin, path, body)
    assert answer.status_code == 400
    assert (answer.json()["error"].get("code"), answer.json()["error"]["param"]) == (code, param)


def test_an_unknown_id_is_404_and_as_a_parameter_400(standin: StandIn) -> None:
    client = standin.client()
    gone = refused(lambda: client.v1.customers.retrieve("cus_none"))
    assert (gone["status"], gone["code"]) == (404, "resource_missing")
    named = refused(lambda: client.v1.setup_intents.create({"customer": "cus_none"}))
    assert (named["status"], named["code"], named["param"]) == (400, "resource_missing", "customer")


def test_only_a_test_key_and_our_version_are_taken(standin: StandIn) -> None:
    with standin.unchecked():
        assert get(standin, "/v1/customers", Authorization="Bearer sk_live_x").status_code == 401
        assert get(standin, "/v1/customers", Authorization="").status_code == 401
        assert get(standin, "/v1/customers", **{"Stripe-Version": "2020-08-27"}).status_code == 400
        assert get(standin, "/v1/unheard_of").status_code == 404
    answer = get(standin, "/v1/customers")
    assert answer.headers["Request-Id"].startswith("req_")
    assert requests.get(standin.url + "/v1/customers", auth=(standin.key, ""), timeout=5,
                        headers={"Stripe-Version": API_VERSION}).status_code == 200  # fmt: skip


def test_metadata_is_merged_and_an_empty_value_deletes(standin: StandIn) -> None:
    client = standin.client()
    made = client.v1.customers.create({"metadata": {"a": "1", "b": "2"}})
    changed = client.v1.customers.update(made.id, {"metadata": {"b": "", "c": "3"}})
    assert changed.to_dict()["metadata"] == {"a": "1", "c": "3"}
    assert client.v1.customers.update(made.id, {"metadata": ""}).to_dict()["metadata"] == {}


def test_nothing_is_expanded_unasked_and_what_is_asked_is(standin: StandIn) -> None:
    client = standin.client()
    product = client.v1.products.create({"id": "tollkeeper_pro", "name": "Pro"})
    price = client.v1.prices.create({"product": product.id, "currency": "eur", "unit_amount": 2000})
    assert client.v1.prices.retrieve(price.id).product == "tollkeeper_pro"
    opened = client.v1.prices.retrieve(price.id, {"expand": ["product"]})
    assert opened.to_dict()["product"]["name"] == "Pro"
    listed = client.v1.prices.list({"expand": ["data.product"]})
    assert listed.data[0].to_dict()["product"]["id"] == "tollkeeper_pro"
    assert refused(lambda: client.v1.prices.retrieve(price.id, {"expand": ["unit_amount"]}))["status"] == 400


def test_pages_run_from_the_newest_and_cursors_hold(standin: StandIn) -> None:
    client = standin.client()
    made = [client.v1.customers.create({"email": f"{n}@example.com"}).id for n in range(7)]
    first = client.v1.customers.list({"limit": 3})
    assert [one.id for one in first.data] == made[:3:-1]
    assert first.has_more
    assert [one.id for one in first.auto_paging_iter()] == made[::-1]
    newer = client.v1.customers.list({"limit": 2, "ending_before": made[2]})
    assert [one.id for one in newer.data] == [made[4], made[3]]
    assert newer.has_more
    assert [one.id for one in client.v1.customers.list({"email": "5@example.com"}).data] == [made[5]]
    assert client.v1.customers.list({"created": {"gt": 4_000_000_000}}).data == []
    assert refused(lambda: client.v1.customers.list({"starting_after": "cus_none"}))["status"] == 400


def test_a_repeated_key_is_answered_alike_and_does_nothing_twice(standin: StandIn) -> None:
    client = standin.client()
    first = client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k1"})
    again = client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k1"})
    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(standin.objects("customer")) == 1
    error = refused(lambda: client.v1.customers.create({"email": "b@example.com"}, {"idempotency_key": "k1"}))
    assert (error["status"], error["type"]) == (400, "idempotency_error")
    assert standin.events()[0]["request"]["idempotency_key"] == "k1"


def test_a_500_is_replayed_under_its_key_and_a_429_is_not(standin: StandIn) -> None:
    client = standin.client()
    standin.fail("500")
    for _ in range(2):
        assert refused(lambda: client.v1.customers.create({}, {"idempotency_key": "k"}))["status"] == 500
    standin.fail("429")
    assert refused(lambda: client.v1.customers.create({}, {"idempotency_key": "k2"}))["status"] == 429
    assert client.v1.customers.create({}, {"idempotency_key": "k2"}).id
    assert len(standin.objects("customer")) == 1


def test_a_refused_parameter_does_not_use_up_the_key(standin: StandIn) -> None:
    with standin.unchecked():
        assert post(standin, "/v1/customers", "x=1", Idempotency_Key="k").status_code == 400
    assert post(standin, "/v1/customers", "email=a@example.com", Idempotency_Key="k").status_code == 200


def test_a_key_at_work_is_409(standin: StandIn) -> None:
    standin.world.lock.acquire()  # the first call waits for the world, its key being claimed
    first: list[requests.Response] = []
    thread = threading.Thread(target=lambda: first.append(post(standin, "/v1/customers", "", Idempotency_Key="k")))
    try:
        thread.start()
        assert standin.app
        keys = standin.app.api.keys
        while "k" not in keys._busy:
            thread.join(0.01)
        second = post(standin, "/v1/customers", "", Idempotency_Key="k")
    finally:
        standin.world.lock.release()
        thread.join(5)
    assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert first[0].status_code == 200


def test_a_lookup_key_moves_only_when_asked(standin: StandIn) -> None:
    client = standin.client()
    params: dict[str, Any] = {
        "currency": "eur", "unit_amount": 2000, "recurring": {"interval": "month"}, "lookup_key": "tollkeeper_pro_v1",
        "product_data": {"name": "Pro"},
    }  # fmt: skip
    first = client.v1.prices.create(params)  # type: ignore[arg-type]
    assert refused(lambda: client.v1.prices.create(params))["param"] == "lookup_key"  # type: ignore[arg-type]
    second = client.v1.prices.create({**params, "transfer_lookup_key": True})  # type: ignore[arg-type]
    found = client.v1.prices.list({"lookup_keys": ["tollkeeper_pro_v1"], "active": True})
    assert [price.id for price in found.data] == [second.id]
    assert client.v1.prices.retrieve(first.id).lookup_key is None


def test_a_parameter_that_the_stand_in_would_ignore_is_refused(standin: StandIn) -> None:
    client = standin.client()
    error = refused(lambda: client.v1.customers.create({"tax": {"ip_address": "127.0.0.1"}}))
    assert error["param"] == "tax"


def test_every_declared_parameter_of_every_route_is_understood(standin: StandIn) -> None:
    """The SDK's declarations hold forward references; one that cannot be read would fail a caller, not us."""
    seen: set[Any] = set()

    def walk(declared: Any) -> None:
        if is_typeddict(declared):
            if declared not in seen:
                seen.add(declared)
                for part in params._fields(declared)[0].values():
                    walk(part)
            return
        assert not isinstance(declared, ForwardRef)
        for part in get_args(declared):
            walk(part)

    for entry in routes.API:
        if entry.params is not None:
            walk(entry.params)
    assert len(seen) > 1000
