"""HTTP for the SDK: hard time limits, no redirects, nothing from the environment, nothing of a request in an error."""

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
_BRIEF = (exceptions.Timeout, exceptions.ConnectionError, exceptions.ChunkedEncodingError)
_GARBLED = b'{"error": {"type": "api_error"}}'
_NOTICE = "Stripe-Notice"  # the SDK makes a Python warning of it


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: to connect to one address, between two pieces of an answer, and for all of it (None: no end)."""

    connect: float
    read: float
    whole: float | None = None


class Transport(stripe.HTTPClient):
    """One pool of connections, safe between threads. `limits` is asked before each try.

    Calls with a limit for the whole run on threads of their own: `requests` has no such limit, a name may have many
    addresses, each with its own time to connect, and an answer may come a byte at a time. One given up ends alone.
    """

    name = "requests"

    def __init__(self, limits: Callable[[], Limits]) -> None:
        super().__init__()
        self._limits = limits
        self._session = requests.Session()
        # No proxy, no .netrc (it would replace the key) and no bundle of the environment; no cookies.
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=THREADS))
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stripe")

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_usage: Any
    ) -> tuple[Any, int, Mapping[str, str]]:
        limits = self._limits()
        if limits.whole is None:
            return self._send(limits, method, url, headers, post_data)
        sending = self._threads.submit(self._send, limits, method, url, headers, post_data)
        try:
            return sending.result(limits.whole)
        except TooLate:
            sending.cancel()
        raise _no_answer("no answer in time", brief=True)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._session.close()

    def _send(
        self, limits: Limits, method: str, url: str, headers: Mapping[str, str] | None, body: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            answer = self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                data=body,
                timeout=(limits.connect, limits.read),
                allow_redirects=False,
                verify=stripe.ca_bundle_path,
            )
        except exceptions.RequestException as error:
            brief = isinstance(error, _BRIEF) and not isinstance(error, exceptions.SSLError)
            failure = _no_answer(type(error).__name__, brief=brief)
        else:
            answer.headers.pop(_NOTICE, None)
            if _readable(answer):
                return answer.content, answer.status_code, answer.headers
            # Not Stripe's words, but those of something between us: whether it was done is not known.
            return _GARBLED, max(answer.status_code, 502), answer.headers
        raise failure  # outside of the handler: the error that it hides holds the request with its key


def _no_answer(reason: str, *, brief: bool) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(reason, should_retry=brief)  # type: ignore[no-untyped-call]  # the SDK's


def _readable(answer: requests.Response) -> bool:
    """Whether it is a JSON object that the SDK can make something of."""
    try:
        body = json.loads(answer.content)
    except ValueError:
        return False
    return isinstance(body, dict) and (answer.ok or isinstance(body.get("error"), dict))
