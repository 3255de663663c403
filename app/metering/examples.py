"""Examples of the usage endpoints for the API reference. A test decodes them with the matching schemas."""

from __future__ import annotations

from typing import Any

EVENT: dict[str, Any] = {
    "id": "0199f1f0-8f3a-7c1e-9d5b-3b6c2f1a0e11",
    "meter": "api_calls",
    "quantity": 1,
    "kind": "scan",
    "endpoint": "/v1/scan",
    "user": "u-77",
}
RECORDED = {"recorded": 1, "duplicates": 0, "refused": []}
ASKED = {"meter": "api_calls", "quantity": 5}
CHECKED = {
    "meter": "api_calls",
    "allowed": True,
    "reason": None,
    "policy": "block",
    "allowance": "1000",
    "span": "period",
    "limit": "1000",
    "used": "802",
    "reserved": "0",
    "remaining": "198",
    "requested": "5",
    "resets_at": "2026-12-01T00:00:00Z",
    "currency": "USD",
    "price": "0",
    "next_unit_price": "0",
    "upgrade_url": None,
}
RECORDED_EVENT = {
    "id": "0199f1f0-8f3a-7c1e-9d5b-3b6c2f1a0e11",
    "meter": "api_calls",
    "quantity": "1",
    "occurred_at": "2026-11-21T09:30:00Z",
    "recorded_at": "2026-11-21T09:30:00.018231Z",
    "kind": "scan",
    "provider": None,
    "endpoint": "/v1/scan",
    "language": None,
    "format": None,
    "user": "u-77",
    "client": None,
    "job": None,
    "status_code": None,
    "response_ms": None,
    "file_bytes": None,
    "metadata": None,
    "attempt": "original",
    "billable": True,
    "billing_reason": None,
    "plan": "free",
    "source": "api",
}
EVENTS = {
    "events": [RECORDED_EVENT],
    "next": None,
}
REFUSED = {
    "refused": [
        {
            "id": "req-1002",
            "at": "2026-11-21T09:31:00Z",
            "code": "unknown_meter",
            "detail": "There is no meter 'api_call'.",
            "event": {"id": "req-1002", "meter": "api_call"},
        }
    ],
    "quota": [{"meter": "api_calls", "hour": "2026-11-21T09:00:00Z", "count": 12, "quantity": "12"}],
    "more": [],
    "next": None,
}
