"""Staff API: what the void of an import would change. The void itself is `POST /usage/voids/imports`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from app.accounts import queries as accounts
from app.accounts.reads import VIEWED, audit_read
from app.admin.actors import actor_for
from app.admin.billing_runs.rehearsal_api import api
from app.admin.corrections.import_preview import preview_import
from app.kit.errors import NotFound
from app.kit.fields import Instant
from app.web.database import session
from app.web.runtime import business_now

__all__ = ["api"]  # `offline.api` imports the blueprint from here, once this call is registered


class ImportedUsage(msgspec.Struct):
    """Usage that the void takes from a meter in a usage period (null: it lies in none).

    `quantity` no longer counts; null for maxima and distinct values, which are counted anew. `difference` is what that
    changes of the period's amount, in minor units: null where nothing is charged, or where it does not follow from the
    quantity alone. `plan_changed`: what is owed for the plan before is worked out again, beside it. `closed`: the
    period is billed already. `billable` is false for usage that was imported without being billed.
    """

    meter: str
    period_start: Instant | None
    period_end: Instant | None
    closed: bool
    billable: bool
    events: int
    quantity: Decimal | None
    difference: int | None
    currency: str | None
    plan_changed: bool


class ImportAnswer(msgspec.Struct, rename={"import_id": "import"}):
    """What an import brought an organisation: `events`, of which `voided` are and `left` can be.

    `period_open`: of maxima and distinct values of periods that are not closed. `too_old`: past 400 days. `complete` is
    false for more than 50,000 events: the others are not counted, and no differences are worked out.
    """

    import_id: str
    events: int
    voided: int
    left: int
    period_open: int
    too_old: int
    complete: bool
    usage: list[ImportedUsage]


PREVIEW: dict[str, Any] = {
    "import": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e50",
    "events": 412,
    "voided": 0,
    "left": 412,
    "period_open": 0,
    "too_old": 0,
    "complete": True,
    "usage": [
        {
            "meter": "api_calls",
            "period_start": "2026-11-01T00:00:00Z",
            "period_end": "2026-12-01T00:00:00Z",
            "closed": False,
            "billable": True,
            "events": 412,
            "quantity": "824",
            "difference": -824,
            "currency": "USD",
            "plan_changed": False,
        }
    ],
}


@api.operation(
    "GET", "/admin/orgs/<uuid:org_id>/imports/<uuid:import_id>", response=ImportAnswer, answer=PREVIEW,
    summary="Preview the void of an import",
    description="What `POST /usage/voids/imports` would take away, by meter and usage period, and what that changes of"
    " the amounts. Returns 404 if the import brought the organisation nothing.",
)  # fmt: skip
def show_import(org_id: UUID, import_id: UUID) -> ImportAnswer:
    """The same as the staff page."""
    accounts.get_org(session(), org_id)
    audit_read(actor_for(org_id), VIEWED, org_id)
    preview = preview_import(session(), org_id, import_id, business_now())
    if preview is None:
        raise NotFound("This import brought the organisation no usage.")
    return ImportAnswer(
        import_id=str(import_id),
        events=preview.events,
        voided=preview.voided,
        left=preview.left,
        period_open=preview.period_open,
        too_old=preview.too_old,
        complete=preview.complete,
        usage=[
            ImportedUsage(
                meter=each.meter.key,
                period_start=each.starts_at,
                period_end=each.ends_at,
                closed=each.closed,
                billable=each.billable,
                events=each.events,
                quantity=each.quantity,
                difference=each.difference,
                currency=each.currency,
                plan_changed=each.plan_changed,
            )
            for each in preview.usage
        ],
    )
