"""The usage calls of the API that write or read single events. The write calls go straight to the hot pool."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Any

import msgspec
from flask import Response
from msgspec import Raw

from app.accounts.guards import acting_org, caller
from app.kit.errors import FieldError, InvalidRequest, Refused
from app.kit.money import parse_quantity, plain
from app.metering import examples, raw_events
from app.metering.api_schemas import (
    BatchRequest,
    CheckAnswer,
    CheckRequest,
    EventsAnswer,
    EventsQuery,
    RecordAnswer,
    RefusedAnswer,
    RefusedHour,
    RefusedOut,
    RefusedQuery,
    UsageEventOut,
)
from app.metering.checks.check import Answer, check
from app.metering.checks.upgrade_url import upgrade_url
from app.metering.models import UsageEvent
from app.metering.recording import refused_events
from app.metering.recording.intake import take_batch, take_one
from app.metering.recording.recorder import usage_recorder
from app.metering.schemas import ABSENT, Event, parse
from app.web.addresses import absolute_url
from app.web.api import Api, read_body, respond_raw
from app.web.database import session
from app.web.paging import encode_cursor, parse_id_cursor, parse_time_id_cursor
from app.web.runtime import business_now, runtime

api = Api("metering", __name__)

_REFUSALS = (
    "id_conflict", "unknown_meter", "unknown_client", "event_too_old", "event_in_future", "bad_quantity",
    "invalid_event", "quota_exceeded",
)  # fmt: skip


@api.operation(
    "POST", "/usage/events", raw=True, idempotent=False, request=Event | BatchRequest, response=RecordAnswer,
    summary="Record one event, or a batch", example={"events": [examples.EVENT]}, answer=examples.RECORDED,
    errors=_REFUSALS,
    description="Each event counts once by its id. One bad event never fails its batch; a bare event that is refused "
    "answers with the status of its code. 200 means that what was recorded is on disk.",
)  # fmt: skip
def record_events() -> Response:
    """Record what the host reports: a bare event by its own status, a batch event by event."""
    sent = parse(read_body())
    org_id, key_id, now = acting_org(), caller().key_id, business_now()
    if sent.bare:
        answer = take_one(usage_recorder(), org_id, sent, key_id=key_id, now=now)
    else:
        answer = take_batch(usage_recorder(), org_id, sent, key_id=key_id, now=now)
    return respond_raw(msgspec.json.encode(answer))


@api.operation(
    "POST", "/usage/check", request=CheckRequest, response=CheckAnswer,
    summary="Ask whether a quantity may be used, and what it would cost",
    example=examples.ASKED, answer=examples.CHECKED, errors=("unknown_meter", "bad_quantity"),
    description="The same data as the recording itself answers, and nothing is reserved: the limit is held when "
    "the event is recorded. `limit` is that of the `span` that decides; up to 100 questions go under `checks`.",
)  # fmt: skip
def check_usage(asked: CheckRequest) -> Response:
    """Say whether each quantity asked for may be used; reserves nothing.

    Raises `Refused` for an unknown meter that is asked about alone.
    """
    answers = check(usage_recorder(), acting_org(), _questions(asked), now=business_now())
    if asked.checks is not None:
        return respond_raw(msgspec.json.encode({"checks": [_check_answer(answer) for answer in answers]}))
    if answers[0].reason == "unknown_meter":
        raise Refused(f"There is no meter {asked.meter!r}.", code="unknown_meter")
    return respond_raw(msgspec.json.encode(_check_answer(answers[0])))


@api.operation(
    "GET", "/usage/events", query=EventsQuery, response=EventsAnswer, answer=examples.EVENTS,
    summary="Raw events by time and filter",
    description="Newest first. `from` and `to` are half-open; filters that are left out match all.",
)  # fmt: skip
def list_events(query: EventsQuery) -> EventsAnswer:
    """One page of the caller's raw events, newest first."""
    position = parse_time_id_cursor(query.next)
    wanted = raw_events.Filter(
        query.start, query.end, query.meter, query.kind, query.provider, query.endpoint, query.user, query.client
    )
    rows = raw_events.page(session(), acting_org(), wanted, position, query.limit + 1)
    shown, following = rows[: query.limit], None
    if len(rows) > query.limit:
        last = shown[-1].UsageEvent
        following = encode_cursor(last.occurred_at.isoformat(), str(last.key))
    return EventsAnswer([_event_out(row) for row in shown], following)


@api.operation(
    "GET", "/usage/refused", query=RefusedQuery, response=RefusedAnswer, answer=examples.REFUSED,
    summary="Events that could not be counted",
    description="Newest first, kept 30 days. Mend what `detail` says and send the event again: its id is still free. "
    "Refusals at a limit are counted by hour under `quota`.",
)  # fmt: skip
def list_refused(query: RefusedQuery) -> RefusedAnswer:
    """One page of the caller's refused events, newest first, with the hours in which limits refused."""
    org_id, before = acting_org(), parse_id_cursor(query.next)
    rows = refused_events.page(session(), org_id, before, query.limit + 1)
    shown = rows[: query.limit]
    following = encode_cursor(str(shown[-1].id)) if len(rows) > query.limit else None
    hours = refused_events.hours(session(), org_id, 200)
    return RefusedAnswer(
        [RefusedOut(row.event_id, row.at, row.code, row.detail, row.event) for row in shown],
        [RefusedHour(meter, row.hour, row.count, row.quantity) for meter, row in hours],
        following,
    )


def _questions(asked: CheckRequest) -> list[tuple[str, Decimal]]:
    if (asked.checks is None) == (asked.meter is None):
        raise InvalidRequest("Send either `meter` or `checks`.", [FieldError("meter", "one of meter and checks")])
    if asked.checks is None:
        return [(asked.meter or "", _quantity(asked.quantity))]
    if asked.quantity is not ABSENT:
        raise InvalidRequest("Each of `checks` has its own quantity.", [FieldError("quantity", "not beside checks")])
    return [(each.meter, _quantity(each.quantity)) for each in asked.checks]


def _quantity(raw: Raw) -> Decimal:
    if raw is ABSENT:
        return Decimal(1)
    sent = bytes(raw)
    try:
        return parse_quantity(sent[1:-1] if sent.startswith(b'"') else sent)
    except ValueError as error:
        raise Refused(f"quantity {error}", code="bad_quantity") from None


def _check_answer(answer: Answer) -> dict[str, Any]:
    """A `CheckAnswer`, ready for JSON: this is a hot path."""
    return {
        "meter": answer.meter,
        "allowed": answer.allowed,
        "reason": answer.reason,
        "policy": answer.policy,
        "allowance": _text(answer.allowance),
        "span": answer.span,
        "limit": _text(answer.limit),
        "used": plain(answer.used),
        "reserved": plain(answer.reserved),
        "remaining": _text(answer.remaining),
        "requested": plain(answer.requested),
        "resets_at": answer.resets_at and answer.resets_at.astimezone(UTC),
        "currency": answer.currency,
        "price": _text(answer.price),
        "next_unit_price": _text(answer.next_unit),
        "upgrade_url": None if answer.allowed else _upgrade_url(answer),
    }


def _upgrade_url(answer: Answer) -> str:
    if answer.reason == "unknown_meter":
        return absolute_url("plans.index")  # no plan has it: there is none to look for
    standing = answer.used + answer.reserved
    return upgrade_url(runtime().pool, answer.meter, answer.span, held=standing, refused=answer.requested)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _event_out(row: Any) -> UsageEventOut:
    event: UsageEvent = row.UsageEvent
    return UsageEventOut(
        id=event.event_id, meter=row.meter, quantity=event.quantity, occurred_at=event.occurred_at,
        recorded_at=event.recorded_at, kind=event.kind, provider=event.provider, endpoint=event.endpoint,
        language=event.language, format=event.format, user=row.user, client=row.client, job=event.job_id,
        status_code=event.status_code, response_ms=event.response_ms, file_bytes=event.file_bytes,
        metadata=row.metadata, attempt=event.attempt or "original", billable=event.billable,
        billing_reason=event.billing_reason, plan=row.plan, source=event.source,
    )  # fmt: skip
