"""Answers one API call: key, version, faults, parameters, idempotency, handler."""

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
from sandbox.standin.http.idempotency import IdempotencyKeys, KeptAnswer
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
    """Its answer. `cut`: the connection breaks `before` the answer or in its `middle`."""

    status: int
    body: str
    replayed: str | None = None  # the request that was answered first
    cut: str = ""

    def headers(self, call: ApiCall) -> list[tuple[str, str]]:
        """All but the length."""
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
    """A valid call. `fingerprint`: what its idempotency key is bound to; `refusal`: the fault played on it."""

    call: ApiCall
    route: routes.Route
    path: dict[str, str]
    params: dict[str, Any]
    refusal: StripeError | None = None
    fingerprint: str = ""


class Dispatcher:
    """Answers calls; `crashes` keeps the stand-in's own failures, for tests to assert on."""

    def __init__(self, world: World, key: str | None) -> None:
        self.world, self.secret = world, key
        self.keys = IdempotencyKeys(world)
        self.stop = threading.Event()
        self.crashes: list[str] = []

    def answer(self, call: ApiCall) -> ApiReply:
        """Do the call; never raises."""
        fault = self.world.faults.take(call.method, call.path)
        if fault and fault.kind == "reset_before":
            return ApiReply(0, "", cut="before")
        if fault and fault.kind == "slow":
            self.stop.wait(fault.seconds or 3.0)
        try:
            reply = self._known(call, fault)
        except StripeError as refused:
            reply = ApiReply(refused.status, _text(refused.body(call.id)))
        except Exception:  # noqa: BLE001  # the caller is told as Stripe would; the console has the reason
            self.crashes.append(f"{call.method} {call.path}\n{traceback.format_exc()}")
            traceback.print_exc()
            failed = StripeError(500, "api_error", "The stand-in failed; its log says why.")
            reply = ApiReply(500, _text(failed.body(call.id)))
        return self._after(reply, fault)

    def _after(self, reply: ApiReply, fault: Fault | None) -> ApiReply:
        """The work is done; now the answer may get lost."""
        if fault and fault.kind == "timeout":
            self.stop.wait(fault.seconds or LONG_S)
            return replace(reply, cut="before")
        if fault and fault.kind == "reset":
            return replace(reply, cut="middle")
        return reply

    def _known(self, call: ApiCall, fault: Fault | None) -> ApiReply:
        self._authorize(call)
        if call.version not in {None, API_VERSION}:
            raise invalid(f"This stand-in speaks {API_VERSION}, not {call.version}.")
        if fault and fault.kind in {"429", "503"} and (refusal := fault.error()):
            raise refusal
        found = routes.find(routes.API, call.method, call.path)
        if found is None:
            raise invalid(f"Unrecognized request URL ({call.method}: {call.path}).", status=404)
        route, path = found
        given = form_encoding.parse_form(call.query, call.body)
        refusal = fault.error() if fault and fault.kind == "500" else None
        parsed = ParsedCall(call, route, path, params.parse_params(given, route.params), refusal)
        if call.method != "POST" or not call.key:
            return self._do(parsed)
        parsed.fingerprint = idempotency.fingerprint(call.method, call.path, given)
        kept = self.keys.claim(call.key, parsed.fingerprint)
        if kept is not None:
            return ApiReply(kept.status, kept.body, replayed=kept.request)
        try:
            return self._do(parsed)
        finally:
            self.keys.release(call.key)

    def _do(self, parsed: ParsedCall) -> ApiReply:
        """The handler in one change set; its answer is kept under the key in the same one."""
        call, paths = parsed.call, parsed.params.pop("expand", None) or []
        try:
            if parsed.refusal:
                raise parsed.refusal
            with self.world.change(Cause(call.id, call.key if call.method == "POST" else None)):
                result = parsed.route.handler(self.world, parsed.params, **parsed.path)
                body = _text(expand.expand_answer(self.world, result, paths))
                self._keep(parsed, 200, body)
        except StripeError as refused:
            body = _text(refused.body(call.id))
            if refused.status == 402 or refused.status >= 500:
                self._keep(parsed, refused.status, body)
            return ApiReply(refused.status, body)
        return ApiReply(200, body)

    def _keep(self, parsed: ParsedCall, status: int, body: str) -> None:
        if parsed.fingerprint and parsed.call.key:
            self.keys.keep(parsed.call.key, parsed.fingerprint, KeptAnswer(status, body, parsed.call.id))

    def _authorize(self, call: ApiCall) -> None:
        """A test key, as a bearer or as the user of basic authentication; 401 else."""
        kind, _, value = call.authorization.partition(" ")
        if kind.lower() == "basic":
            value = base64.b64decode(value + "==").decode("utf-8", "replace").partition(":")[0]
        if not value:
            raise invalid("You did not provide an API key.", status=401)
        known = value == self.secret if self.secret else value.startswith(("sk_test_", "rk_test_"))
        if not known:
            raise invalid("Invalid API Key provided.", status=401)


def _text(body: dict[str, Any]) -> str:
    return json.dumps(body, indent=2)
