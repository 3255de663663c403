"""Examples of the staff API for the reference; a test decodes each into its struct."""

from __future__ import annotations

from app.portal.usage.examples import CURRENT

_ORG_ID = "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21"

ORGS = {
    "orgs": [
        {
            "id": _ORG_ID,
            "name": "High Tide Documents",
            "owner": "ada@example.com",
            "members": 4,
            "plan": "pro",
            "created_at": "2026-05-19T09:00:00Z",
            "suspended_at": None,
        }
    ],
    "next": None,
}
ORG = {
    "id": _ORG_ID,
    "name": "High Tide Documents",
    "time_zone": "Europe/Berlin",
    "created_at": "2026-05-19T09:00:00Z",
    "suspended_at": None,
    "members": [
        {"name": "Ada Lovelace", "email": "ada@example.com", "role": "owner", "joined_at": "2026-05-19T09:00:00Z"}
    ],
    "usage": CURRENT,
}
TOP = {
    "month": "2026-11-01",
    "meter": "api_calls",
    "currency": None,
    "orgs": [
        {
            "id": _ORG_ID,
            "name": "High Tide Documents",
            "quantity": "56000",
            "events": 60,
            "revenue": None,
            "mrr": None,
        }
    ],
}
ASSIGN = {"plan": "pro", "currency": "USD", "interval": "month"}
ASSIGNED = {"changed": True, "usage": CURRENT, "takes_effect_at": None, "usage_takes_effect_at": None}
