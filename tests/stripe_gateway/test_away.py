"""When Stripe does not answer, or not in time: pages end soon after their limit, workers try again, nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import islice
from threading import Event

import pytest

from app.stripe_gateway import Gateway, customers, subscriptions
from app.stripe_gateway.errors import StripeAway
from tests.stripe_gateway import raw
from tests.stripe_gateway.conftest import Make
from tests.stripe_gateway.servers import Reply, after, answer, drip, error, half, reset, serving, silent

GOOD = answer(200, raw.customer())


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def away(gw: Gateway) -> StripeAway:
    with pytest.raises(StripeAway) as failure:
        customers.retrieve(gw, "cus_1")
    return failure.value


@pytest.mark.parametrize("reply", [silent, drip, half, reset], ids=["silent", "drip", "half", "reset"])
def test_a_page_hears_soon_after_its_limit_that_stripe_is_away(gateway: Make, reply: Reply) -> None:
    with serving(reply) as server, within(2):
        assert away(gateway(server.url)).sent
        assert len(server.asked) == 1


def test_a_port_that_nobody_listens_on_is_away_at_once(gateway: Make) -> None:
    with serving(GOOD) as server:
        url = server.url
    with within(2):
        away(gateway(url))


def test_an_address_that_swallows_everything_is_away_after_the_time_to_connect(gateway: Make) -> None:
    with within(2.5):  # an address for documentation: nobody has it (RFC 5737)
        away(gateway("http://192.0.2.1"))


@pytest.mark.parametrize("status", [500, 502, 503, 409, 429])
def test_a_page_does_not_try_again(gateway: Make, status: int) -> None:
    with serving(error(status, "api_error")) as server:
        away(gateway(server.url))
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        answer(200, b"<html>sign in to the hotel</html>"),
        answer(200, b""),
        answer(200, b"\xff\xfe"),
        answer(200, []),
        answer(200, b"null"),
        answer(404, b"no such page"),
        answer(400, {"error": "invalid_grant"}),
        answer(403, {"message": "proxy"}),
        answer(503, b"<html>"),
        answer(302, raw.customer(), Location="http://127.0.0.1:1/elsewhere"),
    ],
)
def test_an_answer_that_is_not_stripes_is_no_answer(gateway: Make, reply: Reply) -> None:
    with serving(reply) as server:
        assert away(gateway(server.url)).sent
        assert len(server.asked) == 1


@pytest.mark.parametrize("reply", [reset, half, answer(200, b"<html>"), error(500, "api_error"), error(409)])
def test_a_worker_tries_again_under_the_same_key(gateway: Make, reply: Reply) -> None:
    with serving(reply, GOOD) as server:
        customers.set_default_card(gateway(server.url, patient=True), "cus_1", "pm_1", key="row-1")
        assert [asked.headers["idempotency-key"] for asked in server.asked] == ["row-1", "row-1"]
        assert server.asked[0].body == server.asked[1].body


@pytest.mark.slow
def test_a_worker_gives_up_after_two_repeats(gateway: Make) -> None:
    with serving(reset) as server:
        away(gateway(server.url, patient=True))
        assert len(server.asked) == 3


@pytest.mark.slow
def test_a_worker_waits_longer_than_a_page(gateway: Make) -> None:
    with serving(after(1.2, GOOD)) as server:
        assert customers.retrieve(gateway(server.url, patient=True), "cus_1").id == "cus_1"


def test_a_worker_waits_out_a_429_as_long_as_it_is_told(gateway: Make, slept: list[float]) -> None:
    limit = error(429, headers={"Retry-After": "3"})
    with serving(limit, error(429), GOOD) as server:
        assert customers.retrieve(gateway(server.url, patient=True), "cus_1").id == "cus_1"
        assert len(server.asked) == 3
    assert slept[0] == 3
    assert 2 <= slept[1] < 3


def test_a_worker_gives_up_on_429_after_two_pauses(gateway: Make, slept: list[float]) -> None:
    with serving(error(429, headers={"Retry-After": "86400"})) as server:
        away(gateway(server.url, patient=True))
    assert slept == pytest.approx([1, 2], abs=1.1)


@pytest.mark.slow
def test_a_page_of_several_slow_calls_ends_soon_after_its_limit(gateway: Make) -> None:
    with serving(after(1.2, GOOD)) as server:
        gw = gateway(server.url, page=timedelta(seconds=3))
        with within(4), gw.budget():
            customers.retrieve(gw, "cus_1")
            customers.retrieve(gw, "cus_2")
            away(gw)
            assert not away(gw).sent, "the budget is spent: nothing is asked any more"
        assert len(server.asked) == 3
        assert customers.retrieve(gw, "cus_1").id == "cus_1", "the next page has a budget of its own"


def test_a_budget_within_a_budget_does_not_lengthen_it(gateway: Make) -> None:
    with serving(silent) as server, within(1.5):
        gw = gateway(server.url)
        with gw.budget(0.5), gw.budget(5.0):
            away(gw)


@pytest.mark.slow
def test_one_page_waits_for_a_turn_and_the_next_is_told_at_once_so_that_a_thread_stays_free(gateway: Make) -> None:
    gw, done = gateway("http://127.0.0.1:9"), Event()

    def page() -> float:
        since = time.monotonic()
        with suppress(StripeAway), gw.budget(5.0):
            done.wait(5)
        return time.monotonic() - since

    with ThreadPoolExecutor(4) as threads:
        pages = [threads.submit(page) for _ in range(4)]
        told = [page.result() for page in islice(as_completed(pages), 2)]
        done.set()
    assert told[0] < 0.5
    assert 0.9 < told[1] < 2


@pytest.mark.slow
def test_a_budget_does_not_hurry_a_worker(gateway: Make) -> None:
    with serving(after(1, GOOD)) as server:
        gw = gateway(server.url, patient=True)
        with gw.budget(0.3):
            assert customers.retrieve(gw, "cus_1").id == "cus_1"


def test_a_list_that_never_ends_is_noticed(gateway: Make) -> None:
    page = answer(200, {"object": "list", "data": [raw.subscription()], "has_more": True})
    with serving(page) as server:
        with pytest.raises(Exception, match="does not end"):
            subscriptions.list_for_customer(gateway(server.url), "cus_1")
        assert len(server.asked) == 2
