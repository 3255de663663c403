"""The one Stripe client: pinned API version, time budget, circuit breaker, raw responses for the parsers."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any, cast

import stripe
import structlog
from stripe import _util as sdk_util
from stripe._v1_services import V1Services

from app.kit.errors import DomainError, OutcomeUnknown
from app.settings import Settings
from app.stripe_gateway import reading
from app.stripe_gateway.client.budget import Budget
from app.stripe_gateway.client.circuit import Circuit
from app.stripe_gateway.client.failures import find_request_id, is_away, translate_error
from app.stripe_gateway.client.transport import Transport
from app.stripe_gateway.errors import StripeAway, StripeMissing, StripeMisused, StripeRefused
from app.stripe_gateway.reading import Raw

API_VERSION = "2026-10-28.endive"
RETRIES = 2
PAGE = 100
LONGEST_PAUSE = 10.0  # seconds to wait after a 429
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)

StripeCall = Callable[[V1Services], stripe.StripeObject]

log = structlog.get_logger()

# Process-wide SDK switches. By default it reports our timings and a machine id, and logs bodies, also to stderr where
# STRIPE_LOG is set.
stripe.enable_telemetry = False
sdk_util.STRIPE_LOG = None
logging.getLogger("stripe").disabled = True


class Gateway:
    """A client for one Stripe account. Created once per process; thread-safe.

    `patient` (worker, commands): longer time limits, two retries, waits after a 429. Otherwise (pages): no retries and
    at most `page_limit` per call, less within `budget`. Raises only the errors of `errors.py`.
    """

    def __init__(
        self,
        secret_key: str,
        base: str,
        *,
        patient: bool,
        circuit: Circuit,
        page_limit: timedelta = Settings.stripe_page_limit,
        account: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        before_call: Callable[[], None] = lambda: None,
    ) -> None:
        self.patient = patient
        self._before_call = before_call
        self._circuit = circuit
        self._sleep = sleep
        self._budget = Budget(page_limit.total_seconds(), patient=patient)
        self._client = stripe.StripeClient(
            secret_key,
            stripe_account=account,
            stripe_version=API_VERSION,
            base_addresses={"api": base, "connect": base, "files": base, "meter_events": base},
            max_network_retries=RETRIES if patient else 0,
            http_client=Transport(self._budget.limits),
        )

    @classmethod
    def from_settings(cls, settings: Settings, before_call: Callable[[], None] = lambda: None) -> Gateway | None:
        """Build the gateway of an installation; None when payments are off. `before_call` runs before each call."""
        if not settings.stripe_on:
            return None
        return cls(
            settings.stripe_secret_key,
            settings.stripe_api_base,
            patient=settings.is_background,
            circuit=Circuit(),
            page_limit=settings.stripe_page_limit,
            account=settings.stripe_account,
            before_call=before_call,
        )

    def budget(self, seconds: float | None = None) -> AbstractContextManager[None]:
        """Limit all calls of this thread in the block to so many seconds in total, by default a page's budget.

        Raises `StripeAway` when it is used up, and at the start when too many pages are already calling Stripe. A
        patient gateway has no limit.
        """
        return self._budget.spend(seconds)

    def deadline(self, seconds: float | None = None) -> AbstractContextManager[None]:
        """Start a page's budget before its turn at Stripe: what it waits for meanwhile counts."""
        return self._budget.limit(seconds)

    def waiting(self) -> AbstractContextManager[bool]:
        """Wait for something else than Stripe in the block; False if so many pages wait that this one must not."""
        return self._budget.wait()

    def get(self, call: StripeCall) -> Raw:
        """Retrieve one object; returns the raw response."""
        return self._call(call)

    def delete(self, call: StripeCall) -> Raw:
        """End or remove one object. Repeating it has no effect, so Stripe takes no idempotency key."""
        return self._call(call, changes=True)

    def post(self, key: str, call: Callable[[V1Services, stripe.RequestOptions], stripe.StripeObject]) -> Raw:
        """Create or change an object under an idempotency key."""
        if not 0 < len(key) <= 255:
            raise ValueError("an idempotency key has 1 to 255 characters")
        return self._call(lambda v1: call(v1, {"idempotency_key": key}), call, changes=True)

    def pages(
        self, list_call: Callable[[V1Services, Any], stripe.StripeObject], params: Mapping[str, Any]
    ) -> Iterator[Raw]:
        """Yield every object of a list in order, page by page; oldest first when `ending_before` is given."""
        forward = "ending_before" not in params
        cursor: dict[str, Any] = {}
        while True:
            response = self._call(partial(_call_with, list_call, {**params, "limit": PAGE, **cursor}), list_call)
            items, has_more = reading.items(response), reading.flag(response, "has_more")
            yield from items if forward else reversed(items)
            if not has_more:
                return
            previous = cursor
            if items:
                edge = reading.text(items[-1 if forward else 0], "id")
                cursor = {"starting_after" if forward else "ending_before": edge}
            if cursor == previous:
                raise reading.misread("a list does not end")

    def _call(self, call: StripeCall, named: Callable[..., Any] | None = None, *, changes: bool = False) -> Raw:
        """Make one call through the circuit breaker. A patient gateway retries a 429, which the SDK does not."""
        self._budget.check()
        self._before_call()
        retries = RETRIES if self.patient else 0
        response = self._send(call)
        for retry in range(retries):
            if not isinstance(response, stripe.RateLimitError):
                break
            self._sleep(_pause(response, retry))
            response = self._send(call)
        if not isinstance(response, stripe.StripeError):
            return response
        failure = translate_error(response)
        if changes and is_away(response):
            failure.code = OutcomeUnknown.code
        _log_failure(response, failure, named or call)
        raise failure  # outside any except block: the SDK's error contains headers and bodies

    def _send(self, call: StripeCall) -> Raw | stripe.StripeError:
        if not self._circuit.allows_call():
            raise StripeAway(sent=False)
        ok = False
        try:
            response = call(self._client.v1)
            ok = True
        except stripe.StripeError as error:
            ok = not is_away(error)
            return error
        except ArithmeticError:
            raise reading.misread("an invalid decimal") from None
        finally:
            self._circuit.record_outcome(ok=ok)
        last = response.last_response
        return cast("Raw", last.data if last else {})


def _call_with(
    call: Callable[[V1Services, Any], stripe.StripeObject], params: Any, v1: V1Services
) -> stripe.StripeObject:
    return call(v1, params)


def validate_id(stripe_id: str) -> str:
    """Return an id that is safe in a path; raises `StripeMissing` for any other text, such as one from a URL."""
    if not _ID.fullmatch(stripe_id):
        raise StripeMissing
    return stripe_id


def _pause(error: stripe.StripeError, tries: int) -> float:
    retry_after = (error.headers or {}).get("retry-after", "")
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 4:
        return min(float(retry_after), LONGEST_PAUSE)
    return 2.0**tries + random.random()  # noqa: S311  # nosec B311  # jitter, not a secret


def _log_failure(error: stripe.StripeError, failure: DomainError, function: Callable[..., Any]) -> None:
    if isinstance(failure, StripeMissing | StripeRefused):
        return  # an ordinary outcome that the caller handles
    call = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__.partition('.')[0]}"
    log.warning(
        "stripe call failed",
        call=call,
        error=type(error).__name__,
        status=error.http_status,
        request=find_request_id(error),
        said=failure.detail if isinstance(failure, StripeMisused) else None,
    )
