"""Requests and responses of the staff API of plans. Amounts are in minor units."""

from __future__ import annotations

from typing import Any

import msgspec

from app.catalog.api_schemas import Price
from app.kit.fields import Instant


class PlanVersionOut(msgspec.Struct):
    """A published version; `orgs` are the organisations whose running usage period is on it."""

    number: int
    version_id: str
    published_at: Instant
    newest: bool
    prices: list[Price]
    orgs: int


class StaffPlan(msgspec.Struct):
    """A plan with its published versions, the newest first. `public` false: it is offered to nobody by itself."""

    key: str
    name: str
    summary: str
    public: bool
    default: bool
    archived_at: Instant | None
    orgs: int
    versions: list[PlanVersionOut]


class StaffPlansAnswer(msgspec.Struct):
    """Every plan in display order, archived ones last. `complete` is false if there are more than 500 versions."""

    plans: list[StaffPlan]
    complete: bool


PLANS: dict[str, Any] = {
    "plans": [
        {
            "key": "pro",
            "name": "Pro",
            "summary": "For products in production.",
            "public": True,
            "default": False,
            "archived_at": None,
            "orgs": 214,
            "versions": [
                {
                    "number": 2,
                    "version_id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21",
                    "published_at": "2026-11-01T09:30:00Z",
                    "newest": True,
                    "prices": [{"currency": "USD", "interval": "month", "amount": 5900}],
                    "orgs": 31,
                },
                {
                    "number": 1,
                    "version_id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e20",
                    "published_at": "2026-03-01T09:30:00Z",
                    "newest": False,
                    "prices": [{"currency": "USD", "interval": "month", "amount": 4900}],
                    "orgs": 183,
                },
            ],
        }
    ],
    "complete": True,
}
