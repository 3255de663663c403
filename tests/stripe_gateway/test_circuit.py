"""The circuit: opens after five failures in a row, for ten seconds, then lets one call through."""

from __future__ import annotations

import threading

import pytest

from app.stripe_gateway import Gateway, customers
from app.stripe_gateway.client.circuit import Circuit
from app.stripe_gateway.errors import StripeAway, StripeMissing, StripeRefused
from tests.stripe_gateway import raw
from tests.stripe_gateway.conftest import Make, Seconds
from tests.stripe_gateway.servers import Server, answer, error, reset, serving

GOOD = answer(200, raw.customer())
DOWN = error(500, "api_error")


def sent(gw: Gateway) -> bool:
    with pytest.raises(StripeAway) as failure:
        customers.retrieve(gw, "cus_1")
    return failure.value.sent


def opened(gw: Gateway, server: Server) -> None:
    assert [sent(gw) for _ in range(5)] == [True] * 5
    assert not sent(gw)
    assert len(server.asked) == 5


def test_the_sixth_is_told_at_once(gateway: Make) -> None:
    with serving(DOWN, reset, answer(200, b"<html>"), DOWN) as server:
        opened(gateway(server.url), server)


def test_after_ten_seconds_one_good_answer_closes_it(gateway: Make, seconds: Seconds) -> None:
    with serving(DOWN) as server:
        gw = gateway(server.url)
        opened(gw, server)
        server.then(GOOD)
        seconds.at += 9.9
        assert not sent(gw)
        seconds.at += 0.1
        assert [customers.retrieve(gw, "cus_1").id for _ in range(3)] == ["cus_1"] * 3


def test_after_ten_seconds_a_failure_opens_it_for_ten_more(gateway: Make, seconds: Seconds) -> None:
    with serving(DOWN) as server:
        gw = gateway(server.url)
        opened(gw, server)
        seconds.at += 10
        assert sent(gw)
        assert not sent(gw)
        seconds.at += 10
        assert sent(gw)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (error(404, code="resource_missing"), StripeMissing),
        (error(402, "card_error", code="card_declined", message="Declined."), StripeRefused),
        (error(429), StripeAway),
        (error(409), StripeAway),
    ],
)
def test_a_refusal_is_an_answer(gateway: Make, reply: object, outcome: type[Exception]) -> None:
    with serving(DOWN) as server:
        gw = gateway(server.url)
        for _ in range(4):
            sent(gw)
        server.then(reply)  # type: ignore[arg-type]
        with pytest.raises(outcome):
            customers.retrieve(gw, "cus_1")
        server.then(DOWN)
        assert [sent(gw) for _ in range(5)] == [True] * 5


def test_of_many_at_once_one_goes_through(seconds: Seconds) -> None:
    circuit = Circuit(seconds)
    for _ in range(5):
        assert circuit.allows_call()
        circuit.record_outcome(ok=False)
    seconds.at += 10
    let: list[bool] = []
    threads = [threading.Thread(target=lambda: let.append(circuit.allows_call())) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(let) == 1


def test_late_failures_of_calls_begun_before_do_not_count_as_the_trial(seconds: Seconds) -> None:
    circuit = Circuit(seconds)
    for _ in range(6):
        assert circuit.allows_call()
    for _ in range(5):
        circuit.record_outcome(ok=False)
    assert not circuit.allows_call()
    circuit.record_outcome(ok=True)  # the sixth of them came back after all
    assert circuit.allows_call()
