"""Answers an API call: key, version, faults, parameters, idempotency, handler."""

from __future__ import annotations

import base64
import json
import threading
import traceback
from dataclasses import dataclass, replace
from typing import Any

from sandbox.standin import API_VERSION, routes
from sandbox.standin.errors import StripeError, invalid
from sandbox.standin.http import form_encoding, idempotency, params
from sandbox.standin.http.idempotency import IdempotencyKeys, StoredAnswer
from sandbox.standin.objects import expand
from sandbox.standin.store.events import Cause
from sandbox.standin.store.faults import Fault
from sandbox.standin.store.world import World

LONG_S = 60.0


@dataclass(frozen=True)
class ApiCall:
    """An API call as received."""

    id: str
    method: str
    path: str
    query: str
    body: str
    authorization: str
    version: str | None
    key: str | None


@dataclass(frozen=True)
class ApiReply:
    """The answer to a call. `cut`: the connection breaks `before` the answer or in its `middle`."""

    status: int
    body: str
    replayed: str | None = None  # the original request's id
    cut: str = ""

    def headers(self, call: ApiCall) -> list[tuple[str, str]]:
        """All headers but the length."""
        lines = [
            ("Content-Type", "application/json"),
            ("Request-Id", call.id),
            ("Stripe-Version", API_VERSION),
            ("Cache-Control", "no-cache, no-store"),
        ]
        if call.key:
            lines.append(("Idempotency-Key", call.key))
        if self.replayed:
            lines += [("Idempotent-Replayed", "true"), ("Original-Request", self.replayed)]
        return lines


@dataclass
class ParsedCall:
    """A valid call. `fingerprint` is what its idempotency key is bound to, `refusal` the injected fault."""

    call: ApiCall
    route: routes.Route
    path: dict[str, str]
    params: dict[str, Any]
    refusal: StripeError | None = None
    fingerprint: str = ""


class Dispatcher:
    """Answers calls; `crashes` collects the stand-in's own failures for tests to check."""

    def __init__(self, world: World, key: str | None) -> None:
        self.world, self.secret = world, key
        self.keys = IdempotencyKeys(world)
        self.stop = threading.Event()
        self.crashes: list[str] = []

    def answer(self, call: ApiCall) -> ApiReply:
        """Answer the call; never raises."""
        fault = self.world.faults.consume(call.method, call.path)
        if fault and fault.kind == "reset_before":
            return ApiReply(0, "", cut="before")
        if fault and fault.kind == "slow":
            self.stop.wait(fault.seconds or 3.0)
        try:
            reply = self._answer_valid(call, fault)
        except StripeError as error:
            reply = ApiReply(error.status, _encode(error.body(call.id)))
        except Exception:  # noqa: BLE001  # the caller gets a 500, as from Stripe; the traceback is printed
            self.crashes.append(f"{call.method} {call.path}\n{traceback.format_exc()}")
            traceback.print_exc()
            failed = StripeError(500, "api_error", "The stand-in failed; its log says why.")
            reply = ApiReply(500, _encode(failed.body(call.id)))
        return self._lose_answer(reply, fault)

    def _lose_answer(self, reply: ApiReply, fault: Fault | None) -> ApiReply:
        """After the work, the answer may get lost."""
        if fault and fault.kind == "timeout":
            self.stop.wait(fault.seconds or LONG_S)
            return replace(reply, cut="before")
        if fault and fault.kind == "reset":
            return replace(reply, cut="middle")
        return reply

    def _answer_valid(self, call: ApiCall, fault: Fault | None) -> ApiReply:
        self._authorize(call)
        if call.version not in {None, API_VERSION}:
            raise invalid(f"This stand-in supports only {API_VERSION}, not {call.version}.")
        if fault and fault.kind in {"429", "503"} and (refusal := fault.error()):
            raise refusal
        match = routes.find(routes.API, call.method, call.path)
        if match is None:
            raise invalid(f"Unrecognized request URL ({call.method}: {call.path}).", status=404)
        route, path = match
        form = form_encoding.parse_form(call.query, call.body)
        refusal = fault.error() if fault and fault.kind == "500" else None
        parsed = ParsedCall(call, route, path, params.parse_params(form, route.params), refusal)
        if call.method != "POST" or not call.key:
            return self._run(parsed)
        parsed.fingerprint = idempotency.fingerprint(call.method, call.path, form)
        stored = self.keys.claim(call.key, parsed.fingerprint)
        if stored is not None:
            return ApiReply(stored.status, stored.body, replayed=stored.request)
        try:
            return self._run(parsed)
        finally:
            self.keys.release(call.key)

    def _run(self, parsed: ParsedCall) -> ApiReply:
        """Run the handler in one change set, which also stores the answer under the key."""
        call, paths = parsed.call, parsed.params.pop("expand", None) or []
        try:
            if parsed.refusal:
                raise parsed.refusal
            with self.world.change(Cause(call.id, call.key if call.method == "POST" else None)):
                result = parsed.route.handler(self.world, parsed.params, **parsed.path)
                body = _encode(expand.expand_answer(self.world, result, paths))
                self._store(parsed, 200, body)
        except StripeError as error:
            body = _encode(error.body(call.id))
            if error.status == 402 or error.status >= 500:
                self._store(parsed, error.status, body)
            return ApiReply(error.status, body)
        return ApiReply(200, body)

    def _store(self, parsed: ParsedCall, status: int, body: str) -> None:
        if parsed.fingerprint and parsed.call.key:
            self.keys.keep(parsed.call.key, parsed.fingerprint, StoredAnswer(status, body, parsed.call.id))

    def _authorize(self, call: ApiCall) -> None:
        """Require a test key, as bearer token or as user of basic authentication; 401 otherwise."""
        kind, _, value = call.authorization.partition(" ")
        if kind.lower() == "basic":
            value = base64.b64decode(value + "==").decode("utf-8", "replace").partition(":")[0]
        if not value:
            raise invalid("You did not provide an API key.", status=401)
        valid = value == self.secret if self.secret else value.startswith(("sk_test_", "rk_test_"))
        if not valid:
            raise invalid("Invalid API Key provided.", status=401)


def _encode(body: dict[str, Any]) -> str:
    return json.dumps(body, indent=2)
