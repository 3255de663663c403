"""Faults to play on the next API calls and on webhooks. Kept in memory only.

API: `429` and `503` before the work, `500` (kept under the key, as Stripe does), `timeout` and `reset` after the work,
`reset_before`, `slow`. Webhooks: `hold`, `reorder` (newest first) stay on; `drop` and `duplicate` are counts of
deliveries to come, `delay` is seconds.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sandbox.standin.errors import StripeError, invalid

KINDS = ("429", "500", "503", "timeout", "slow", "reset", "reset_before")


@dataclass
class Fault:
    """`times` calls whose path begins with `path` (and of that method, if one is named) go wrong."""

    kind: str
    times: int = 1
    path: str = "/v1/"
    method: str = ""
    seconds: float = 0.0

    def error(self) -> StripeError | None:
        """The refusal that comes before the work, for the kinds that have one."""
        if self.kind == "429":
            return StripeError(429, "invalid_request_error", "Too many requests. (sandbox)", code="rate_limit")
        if self.kind in {"500", "503"}:
            return StripeError(int(self.kind), "api_error", "An unknown error occurred. (sandbox)")
        return None


@dataclass(frozen=True)
class WebhookFaults:
    """How deliveries misbehave."""

    hold: bool = False
    reorder: bool = False
    drop: int = 0
    duplicate: int = 0
    delay: float = 0.0


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._api: list[Fault] = []
        self._webhooks = WebhookFaults()

    @property
    def webhooks(self) -> WebhookFaults:
        """How deliveries misbehave now."""
        return self._webhooks

    def add(self, kind: str, **more: Any) -> None:
        """Have the next calls go wrong; raises 400 for a kind that is none."""
        if kind not in KINDS:
            raise invalid(f"kind is one of {', '.join(KINDS)}", param="kind")
        with self._lock:
            self._api.append(Fault(kind, **_fitting(Fault, more)))

    def set_webhooks(self, **changed: Any) -> None:
        """Change some of the webhook switches."""
        with self._lock:
            self._webhooks = replace(self._webhooks, **_fitting(WebhookFaults, changed))

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self._api.clear()
            self._webhooks = WebhookFaults()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this call meets, used up by it."""
        with self._lock:
            for fault in self._api:
                if path.startswith(fault.path) and fault.method in {"", method}:
                    fault.times -= 1
                    if fault.times < 1:
                        self._api.remove(fault)
                    return fault
        return None

    def spend(self, name: str) -> bool:
        """Use up one of the counts `drop` or `duplicate`; whether there was one."""
        with self._lock:
            left: int = getattr(self._webhooks, name)
            if left > 0:
                changed: dict[str, Any] = {name: left - 1}
                self._webhooks = replace(self._webhooks, **changed)
            return left > 0

    def shown(self) -> dict[str, Any]:
        """The faults as JSON."""
        with self._lock:
            return {"api": [asdict(fault) for fault in self._api], "webhooks": asdict(self._webhooks)}


def _fitting(declared: type, given: dict[str, Any]) -> dict[str, Any]:
    """The values with the types of the dataclass; raises 400."""
    types = {
        field.name: {"str": str, "int": int, "float": float, "bool": bool}[str(field.type)]
        for field in fields(declared)
    }
    try:
        return {name: types[name](value) for name, value in given.items()}
    except (KeyError, TypeError, ValueError) as wrong:
        raise invalid(f"Not a switch or not its value: {wrong}") from None
