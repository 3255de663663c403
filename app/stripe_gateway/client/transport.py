"""HTTP transport for the SDK: hard time limits, no redirects, no environment, no request data in errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import stripe
from requests import exceptions
from requests.adapters import HTTPAdapter

THREADS = 16
_TRANSIENT = (exceptions.Timeout, exceptions.ConnectionError, exceptions.ChunkedEncodingError)
_GARBLED = b'{"error": {"type": "api_error"}}'
_NOTICE = "Stripe-Notice"  # the SDK turns it into a Python warning


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect to one address, between two chunks of a response, and in total (None: no limit)."""

    connect: float
    read: float
    total: float | None = None


class Transport(stripe.HTTPClient):
    """One connection pool; thread-safe. `limits` is called before every try.

    Calls with a total limit run on their own threads, because `requests` has none: a host name may have several
    addresses, each with its own connect time-out, and a response may arrive a byte at a time. An abandoned call ends
    on its own thread.
    """

    name = "requests"

    def __init__(self, limits: Callable[[], Limits]) -> None:
        super().__init__()
        self._limits = limits
        self._session = requests.Session()
        # No proxy, no .netrc (it would replace the key), no CA bundle from the environment; no cookies.
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=THREADS))
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stripe")

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_usage: Any
    ) -> tuple[Any, int, Mapping[str, str]]:
        limits = self._limits()
        if limits.total is None:
            return self._send(limits, method, url, headers, post_data)
        sending = self._threads.submit(self._send, limits, method, url, headers, post_data)
        try:
            return sending.result(limits.total)
        except TooLate:
            sending.cancel()
        raise _connection_error("no response in time", retryable=True)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._session.close()

    def _send(
        self, limits: Limits, method: str, url: str, headers: Mapping[str, str] | None, body: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            response = self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                data=body,
                timeout=(limits.connect, limits.read),
                allow_redirects=False,
                verify=stripe.ca_bundle_path,
            )
        except exceptions.RequestException as error:
            retryable = isinstance(error, _TRANSIENT) and not isinstance(error, exceptions.SSLError)
            failure = _connection_error(type(error).__name__, retryable=retryable)
        else:
            response.headers.pop(_NOTICE, None)
            if _readable(response):
                return response.content, response.status_code, response.headers
            # Not from Stripe but from an intermediary: the call may or may not have been done.
            return _GARBLED, max(response.status_code, 502), response.headers
        raise failure  # outside the except block: the original error contains the request with its key


def _connection_error(reason: str, *, retryable: bool) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(reason, should_retry=retryable)  # type: ignore[no-untyped-call]  # the SDK's


def _readable(response: requests.Response) -> bool:
    """Whether the response is a JSON object that the SDK can parse."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return False
    return isinstance(body, dict) and (response.ok or isinstance(body.get("error"), dict))
