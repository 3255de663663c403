"""The API call that voids recorded usage."""

from __future__ import annotations

from app.accounts.guards import acting_org, caller
from app.catalog import queries as catalog
from app.metering.corrections.import_void import void_import_batch
from app.metering.corrections.schemas import (
    IMPORT_VOIDED,
    VOID,
    VOID_IMPORT,
    VOIDED,
    ImportVoidAnswer,
    ImportVoidRequest,
    VoidAnswer,
    VoidRequest,
)
from app.metering.corrections.void import void_event
from app.metering.export_api import api
from app.web.database import transaction
from app.web.runtime import business_now

__all__ = ["api"]  # the URL map imports the blueprint from here, so that this call is registered too


@api.operation(
    "POST", "/usage/voids", request=VoidRequest, response=VoidAnswer, example=VOID, answer=VOIDED,
    errors=("not_found", "period_open", "void_too_old"),
    summary="Void a recorded event",
    description="The event stays in the log, with one that reverses it; its quantity no longer counts, and room that it"
    " took is free again. Limits a minute, hour and day keep what they counted. Of a `max` or `unique` meter an event"
    " can be voided once its usage period is closed. What a closed period was billed too much is taken off the next"
    " invoice, or credited on the one that billed it. Only keys that staff or the operator's command make can hold the"
    " scope `usage:correct`.",
)  # fmt: skip
def void_usage(request: VoidRequest) -> VoidAnswer:
    """Void one event of the caller's organisation."""
    with transaction() as session:
        voided = void_event(session, acting_org(), request.id, request.reason, actor=caller().actor, now=business_now())
        meter = catalog.get_meters_by_id(session)[voided.meter_id].key
    return VoidAnswer(request.id, meter, voided.quantity, voided.occurred_at, voided.closed, voided.again)


@api.operation(
    "POST", "/usage/voids/imports", request=ImportVoidRequest, response=ImportVoidAnswer, example=VOID_IMPORT,
    answer=IMPORT_VOIDED, errors=("not_found",),
    summary="Void an import",
    description="Voids what an import (`flask usage import`) brought the organisation, as `POST /usage/voids` does one"
    " event: up to 1,000 events a call. Call again with `next` until that is null; a lost call can be repeated."
    " Importing the same file again does not bring the usage back.",
)  # fmt: skip
def void_import(request: ImportVoidRequest) -> ImportVoidAnswer:
    """Void the next events of an import."""
    with transaction() as session:
        batch = void_import_batch(
            session, acting_org(), request.import_id, request.reason, actor=caller().actor, now=business_now(),
            after=request.next,
        )  # fmt: skip
    return ImportVoidAnswer(batch.voided, batch.period_open, batch.too_old, batch.following)
