"""The one client: pinned version, a budget of time, a circuit, and raw answers for the readers."""

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

from app.kit.errors import DomainError
from app.settings import Settings
from app.stripe_gateway import reading
from app.stripe_gateway.budget import Budget
from app.stripe_gateway.circuit import Circuit
from app.stripe_gateway.errors import StripeAway, StripeMissing, StripeMisused, StripeRefused
from app.stripe_gateway.failures import find_request_id, is_away, translate_error
from app.stripe_gateway.reading import Raw
from app.stripe_gateway.transport import Transport

API_VERSION = "2026-10-28.endive"
RETRIES = 2
PAGE = 100
LONGEST_PAUSE = 10.0  # seconds that a 429 is waited out
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)

StripeCall = Callable[[V1Services], stripe.StripeObject]

log = structlog.get_logger()

# The SDK has its own switches for the whole process. It would report our timings and a machine's id, and write bodies
# to its log and, where STRIPE_LOG is set, to stderr.
stripe.enable_telemetry = False
sdk_util.STRIPE_LOG = None
logging.getLogger("stripe").disabled = True


class Gateway:
    """Speaks with one Stripe account. Made once a process; safe between threads.

    `patient` (worker, commands): longer time limits, two retries, waits out a 429. Else (pages): no retry,
    `page_limit` a call at most, less within `budget`. Raises the errors of `errors.py` and no other.
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
    ) -> None:
        self.patient = patient
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
    def of(cls, settings: Settings) -> Gateway | None:
        """The gateway of an installation; None when payments are off."""
        if not settings.stripe_on:
            return None
        return cls(
            settings.stripe_secret_key,
            settings.stripe_api_base,
            patient=settings.patient,
            circuit=Circuit(),
            page_limit=settings.stripe_page_limit,
            account=settings.stripe_account,
        )

    def budget(self, seconds: float | None = None) -> AbstractContextManager[None]:
        """All calls of this thread within the block share so many seconds, a page's when none are given.

        Then `StripeAway`; not for the patient.

        Two pages may be at it at once; one that is too many raises `StripeAway` before it begins.
        """
        return self._budget.spend(seconds)

    def get(self, ask: StripeCall) -> Raw:
        """Ask for one object; its raw answer."""
        return self._call(ask)

    def post(self, key: str, ask: Callable[[V1Services, stripe.RequestOptions], stripe.StripeObject]) -> Raw:
        """Make or change something under an idempotency key, which comes from a row of ours."""
        if not 0 < len(key) <= 255:
            raise ValueError("an idempotency key has 1 to 255 characters")
        return self._call(lambda v1: ask(v1, {"idempotency_key": key}), ask)

    def pages(self, ask: Callable[[V1Services, Any], stripe.StripeObject], params: Mapping[str, Any]) -> Iterator[Raw]:
        """Every object of a list in the list's order, page by page; oldest first when `ending_before` is given."""
        forward = "ending_before" not in params
        cursor: dict[str, Any] = {}
        while True:
            answer = self._call(partial(_with, ask, {**params, "limit": PAGE, **cursor}), ask)
            data, more = reading.items(answer), reading.flag(answer, "has_more")
            yield from data if forward else reversed(data)
            if not more:
                return
            last = cursor
            if data:
                edge = reading.text(data[-1 if forward else 0], "id")
                cursor = {"starting_after" if forward else "ending_before": edge}
            if cursor == last:
                raise reading.misread("a list does not end")

    def _call(self, ask: StripeCall, named: Callable[..., Any] | None = None) -> Raw:
        """One call through the circuit; a patient one is repeated after a 429, which the SDK does not do."""
        self._budget.check()
        tries = RETRIES if self.patient else 0
        answer = self._through(ask)
        for again in range(tries):
            if not isinstance(answer, stripe.RateLimitError):
                break
            self._sleep(_pause(answer, again))
            answer = self._through(ask)
        if not isinstance(answer, stripe.StripeError):
            return answer
        failure = translate_error(answer)
        _tell(answer, failure, named or ask)
        raise failure  # outside of any handler: the SDK's error holds headers and bodies

    def _through(self, ask: StripeCall) -> Raw | stripe.StripeError:
        if not self._circuit.lets_through():
            raise StripeAway(sent=False)
        well = False
        try:
            answer = ask(self._client.v1)
            well = True
        except stripe.StripeError as error:
            well = not is_away(error)
            return error
        except ArithmeticError:
            raise reading.misread("a decimal that is none") from None
        finally:
            self._circuit.ended(well=well)
        response = answer.last_response
        return cast("Raw", response.data if response else {})


def _with(ask: Callable[[V1Services, Any], stripe.StripeObject], params: Any, v1: V1Services) -> stripe.StripeObject:
    return ask(v1, params)


def validate_id(stripe_id: str) -> str:
    """An id that may stand in a path; `StripeMissing` for what cannot be one, such as a text from an address."""
    if not _ID.fullmatch(stripe_id):
        raise StripeMissing
    return stripe_id


def _pause(error: stripe.StripeError, tries: int) -> float:
    asked = (error.headers or {}).get("retry-after", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 4:
        return min(float(asked), LONGEST_PAUSE)
    return 2.0**tries + random.random()  # noqa: S311  # nosec B311  # spreads the repeats, hides nothing


def _tell(error: stripe.StripeError, failure: DomainError, ask: Callable[..., Any]) -> None:
    if isinstance(failure, StripeMissing | StripeRefused):
        return  # an answer like any other: who asked has a use for it
    call = f"{ask.__module__.rpartition('.')[2]}.{ask.__qualname__.partition('.')[0]}"
    log.warning(
        "stripe",
        call=call,
        error=type(error).__name__,
        status=error.http_status,
        request=find_request_id(error),
        said=failure.detail if isinstance(failure, StripeMisused) else None,
    )
