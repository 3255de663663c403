"""Examples of the billing API for the API reference; a test decodes each into its struct."""

from __future__ import annotations

from typing import Any

WANTED = {"plan": "max", "currency": "USD", "interval": "month"}
PREVIEW: dict[str, Any] = {
    "timing": "at_once",
    "reason": None,
    "quote": "WyIwMTk5ZTdhMC01YTNjLTdjYzAtOWMxYi02ZjBmNWM5ZDRlMjEiXQ.s9Y1",
    "expires_at": "2026-12-06T12:30:00Z",
    "currency": "USD",
    "lines": [
        {
            "description": "Unused time on Pro after 06 Dec 2026",
            "amount": -2450,
            "period": {"start": "2026-12-06T12:00:00Z", "end": "2026-12-21T12:00:00Z"},
        },
        {
            "description": "Remaining time on Max after 06 Dec 2026",
            "amount": 4950,
            "period": {"start": "2026-12-06T12:00:00Z", "end": "2026-12-21T12:00:00Z"},
        },
    ],
    "discount": 0,
    "tax": 0,
    "total": 2500,
    "balance": 0,
    "amount_due": 2500,
    "next_payment": {"at": "2026-12-21T12:00:00Z", "amount": 9900},
    "usage_owed": 0,
    "fit": {
        "fits": True,
        "periods": 12,
        "lines": [
            {
                "meter": "api_calls",
                "span": "period",
                "limit": None,
                "allowance": "500000",
                "now": "41200",
                "expected": "82400",
                "worst": "76100",
                "worst_period": {"start": "2026-09-21T12:00:00Z", "end": "2026-10-21T12:00:00Z"},
                "worst_day": None,
                "result": "fits",
                "extra_cost": 0,
                "words": "API calls: fits.",
            }
        ],
    },
}
