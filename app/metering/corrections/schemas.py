"""The request and answer of a void, as the API shows them."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import msgspec

from app.kit.fields import Instant, Label, Reason


class VoidRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The event to void, by its id, and why."""

    id: Label
    reason: Reason


class VoidAnswer(msgspec.Struct):
    """What was voided. `again`: it was voided before, and nothing changed. `closed`: its period was billed already."""

    id: str
    meter: str
    quantity: Decimal
    occurred_at: Instant
    closed: bool
    again: bool


class ImportVoidRequest(msgspec.Struct, forbid_unknown_fields=True, rename={"import_id": "import"}):
    """The import whose usage to void, and why; `next` is that of the answer before."""

    import_id: UUID
    reason: Reason
    next: UUID | None = None


class ImportVoidAnswer(msgspec.Struct):
    """What this call voided, and what it could not: usage of open periods, or older than 400 days.

    Call again with `next` until that is null.
    """

    voided: int
    period_open: int
    too_old: int
    next: UUID | None


VOID = {"id": "scan-7-page-3", "reason": "Counted twice by a retry"}
VOIDED = {
    "id": "scan-7-page-3",
    "meter": "api_calls",
    "quantity": "1",
    "occurred_at": "2026-11-21T09:30:00Z",
    "closed": False,
    "again": False,
}
VOID_IMPORT = {"import": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e50", "reason": "The file had last year's usage"}
IMPORT_VOIDED = {"voided": 412, "period_open": 0, "too_old": 0, "next": None}
