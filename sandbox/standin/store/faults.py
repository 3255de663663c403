"""Faults injected into the next API calls and into webhooks. Kept in memory only.

API: `429` and `503` before the work, `500` (stored under the key, as by Stripe), `timeout` and `reset` after the work,
`reset_before`, `slow`. Webhooks: `hold` and `reorder` (newest first) stay on; `drop` and `duplicate` count upcoming
deliveries, `delay` is in seconds.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sandbox.standin.errors import StripeError, invalid

KINDS = ("429", "500", "503", "timeout", "slow", "reset", "reset_before")


@dataclass
class Fault:
    """Affects the next `times` calls whose path starts with `path` and that use `method`, if set."""

    kind: str
    times: int = 1
    path: str = "/v1/"
    method: str = ""
    seconds: float = 0.0

    def error(self) -> StripeError | None:
        """The error raised before the work, for the kinds that have one."""
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
    """The active faults."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._api: list[Fault] = []
        self._webhooks = WebhookFaults()

    @property
    def webhooks(self) -> WebhookFaults:
        """The current webhook faults."""
        return self._webhooks

    def add(self, kind: str, **more: Any) -> None:
        """Add a fault for the next calls; raises 400 for an unknown kind."""
        if kind not in KINDS:
            raise invalid(f"kind is one of {', '.join(KINDS)}", param="kind")
        with self._lock:
            self._api.append(Fault(kind, **_convert(Fault, more)))

    def set_webhooks(self, **changed: Any) -> None:
        """Change some of the webhook faults."""
        with self._lock:
            self._webhooks = replace(self._webhooks, **_convert(WebhookFaults, changed))

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._api.clear()
            self._webhooks = WebhookFaults()

    def consume(self, method: str, path: str) -> Fault | None:
        """Find the fault for this call and use it up."""
        with self._lock:
            for fault in self._api:
                if path.startswith(fault.path) and fault.method in {"", method}:
                    fault.times -= 1
                    if fault.times < 1:
                        self._api.remove(fault)
                    return fault
        return None

    def consume_count(self, name: str) -> bool:
        """Use up one of the counts `drop` or `duplicate`; False if none is left."""
        with self._lock:
            remaining: int = getattr(self._webhooks, name)
            if remaining > 0:
                changed: dict[str, Any] = {name: remaining - 1}
                self._webhooks = replace(self._webhooks, **changed)
            return remaining > 0

    def as_dict(self) -> dict[str, Any]:
        """The faults as JSON values."""
        with self._lock:
            return {"api": [asdict(fault) for fault in self._api], "webhooks": asdict(self._webhooks)}


def _convert(declared: type, given: dict[str, Any]) -> dict[str, Any]:
    """Convert the values to the types of the dataclass; raises 400."""
    types = {
        field.name: {"str": str, "int": int, "float": float, "bool": bool}[str(field.type)]
        for field in fields(declared)
    }
    try:
        return {name: types[name](value) for name, value in given.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise invalid(f"Invalid fault: {error}") from None
