"""The API call that voids recorded usage."""

from __future__ import annotations

from app.accounts.guards import acting_org, caller
from app.catalog import queries as catalog
from app.metering.api import api
from app.metering.corrections.schemas import VOID, VOIDED, VoidAnswer, VoidRequest
from app.metering.corrections.void import void_event
from app.web.database import transaction
from app.web.runtime import business_now

__all__ = ["api"]  # the URL map imports the blueprint from here, so that this call is registered too


@api.operation(
    "POST", "/usage/voids", request=VoidRequest, response=VoidAnswer, example=VOID, answer=VOIDED,
    errors=("not_found", "period_open", "void_too_old"),
    summary="Void a recorded event",
    description="The event stays in the log, with one that reverses it; its quantity no longer counts, and room that it"
    " took is free again. Limits a minute, hour and day keep what they counted. Of a `max` or `unique` meter an event"
    " can be voided once its usage period is closed. What a closed period was billed too much is taken off the usage on"
    " the next invoice. Only keys that staff or the operator's command make can hold the scope `usage:correct`.",
)  # fmt: skip
def void_usage(request: VoidRequest) -> VoidAnswer:
    """Void one event of the caller's organisation."""
    with transaction() as session:
        voided = void_event(session, acting_org(), request.id, request.reason, actor=caller().actor, now=business_now())
        meter = catalog.get_meters_by_id(session)[voided.meter_id].key
    return VoidAnswer(request.id, meter, voided.quantity, voided.occurred_at, voided.closed, voided.again)
