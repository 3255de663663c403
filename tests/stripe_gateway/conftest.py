"""Gateways in front of small servers, and a monotonic clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from app.stripe_gateway import Gateway
from app.stripe_gateway.client.circuit import Circuit
from tests.stripe_gateway.servers import KEY

Make = Callable[..., Gateway]
PAGE = timedelta(seconds=1)
"""What a page waits for Stripe here; five seconds in an installation."""


class Seconds:
    """A monotonic clock for the circuit."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def slept() -> list[float]:
    """How long a patient gateway paused after each 429."""
    return []


@pytest.fixture
def gateway(seconds: Seconds, slept: list[float]) -> Iterator[Make]:
    """`gateway(url, patient=False, page=PAGE)`."""

    def make(base: str, *, patient: bool = False, page: timedelta = PAGE) -> Gateway:
        return Gateway(KEY, base, patient=patient, circuit=Circuit(seconds), page_limit=page, sleep=slept.append)

    return make
