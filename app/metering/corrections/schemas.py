"""The request and answer of a void, as the API shows them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from app.kit.fields import Instant


class VoidRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The event to void, by its id, and why."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class VoidAnswer(msgspec.Struct):
    """What was voided. `again`: it was voided before, and nothing changed. `closed`: its period was billed already."""

    id: str
    meter: str
    quantity: Decimal
    occurred_at: Instant
    closed: bool
    again: bool


VOID = {"id": "scan-7-page-3", "reason": "Counted twice by a retry"}
VOIDED = {
    "id": "scan-7-page-3",
    "meter": "api_calls",
    "quantity": "1",
    "occurred_at": "2026-11-21T09:30:00Z",
    "closed": False,
    "again": False,
}
