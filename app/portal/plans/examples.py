"""Examples of the replay for the API reference; a test decodes each into its struct."""

from __future__ import annotations

from typing import Any

WANTED = {"months": 1, "interval": "month", "currency": "USD"}
REPLAYED: dict[str, Any] = {
    "currency": "USD",
    "interval": "month",
    "periods": [
        {
            "period": {"start": "2026-10-21T12:00:00Z", "end": "2026-11-21T12:00:00Z"},
            "running": False,
            "meters": [{"meter": "api_calls", "used": "60000"}],
        },
        {
            "period": {"start": "2026-11-21T12:00:00Z", "end": "2026-12-21T12:00:00Z"},
            "running": True,
            "meters": [{"meter": "api_calls", "used": "41000"}],
        },
    ],
    "plans": [
        {
            "plan": "free",
            "name": "Free",
            "current": False,
            "total": 0,
            "fits": False,
            "advised": False,
            "objection": "refuses",
            "periods": [
                {"fee": 0, "usage": 0, "amount": 0, "refused": ["api_calls"]},
                {"fee": 0, "usage": 0, "amount": 0, "refused": ["api_calls"]},
            ],
        },
        {
            "plan": "pro",
            "name": "Pro",
            "current": True,
            "total": 19800,
            "fits": True,
            "advised": True,
            "objection": None,
            "periods": [
                {"fee": 4900, "usage": 10000, "amount": 14900, "refused": []},
                {"fee": 4900, "usage": 0, "amount": 4900, "refused": []},
            ],
        },
    ],
    "as_of": "2026-12-06T12:00:00Z",
}
