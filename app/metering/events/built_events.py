"""Builds an event as the API shows it from a row of `list_raw_events`."""

from __future__ import annotations

from typing import Any

from app.metering.api_schemas import UsageEventOut
from app.metering.models import UsageEvent


def build_event(row: Any) -> UsageEventOut:
    """The event with its labels and metadata, which are None once erased."""
    event: UsageEvent = row.UsageEvent
    return UsageEventOut(
        id=event.event_id, meter=row.meter, quantity=event.quantity, occurred_at=event.occurred_at,
        recorded_at=event.recorded_at, kind=event.kind, provider=event.provider, endpoint=event.endpoint,
        language=event.language, format=event.format, user=row.user, client=row.client, job=event.job_id,
        status_code=event.status_code, response_ms=event.response_ms, file_bytes=event.file_bytes,
        metadata=row.metadata, attempt=event.attempt or "original", billable=event.billable,
        billing_reason=event.billing_reason, plan=row.plan, source=event.source,
    )  # fmt: skip
