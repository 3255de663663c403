"""API endpoints that record, check and list usage events. Recording goes straight to the hot pool."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from flask import Response, after_this_request
from msgspec import Raw

from app.accounts.guards import acting_org, caller
from app.kit.errors import FieldError, InvalidRequest, Refused
from app.kit.money import parse_quantity, plain
from app.metering import examples
from app.metering.api_schemas import (
    BatchRequest,
    CheckAnswer,
    CheckRequest,
    CountedFields,
    EventsAnswer,
    EventsQuery,
    RecordAnswer,
    RefusedAnswer,
    RefusedHour,
    RefusedMore,
    RefusedOut,
    RefusedQuery,
)
from app.metering.checks.check import CheckResult, UsageQuestion, check_limits
from app.metering.events import raw_events
from app.metering.events.built_events import build_event
from app.metering.recorder import get_usage_recorder
from app.metering.recording import refused_events
from app.metering.recording.body import parse_events
from app.metering.recording.intake import record_many, record_one
from app.metering.recording.refusals import describe_unknown_meter
from app.metering.schemas import ABSENT, Event
from app.metering.upgrade_url import upgrade_url
from app.web.addresses import absolute_url
from app.web.api import Api, respond_raw
from app.web.bodies import read_body
from app.web.database import session
from app.web.json import encode
from app.web.paging import encode_cursor, parse_id_cursor, parse_time_id_cursor
from app.web.runtime import business_now, runtime

api = Api("metering", __name__)

_RECORDED = "Tollkeeper-Recorded"
_NAMED = CountedFields.__struct_fields__
_REFUSALS = (
    "id_conflict", "unknown_meter", "unknown_client", "client_deleted", "event_too_old", "event_in_future",
    "bad_quantity", "invalid_event", "quota_exceeded",
)  # fmt: skip


@api.operation(
    "POST", "/usage/events", raw=True, idempotent=False, request=Event | BatchRequest, response=RecordAnswer,
    summary="Record one event, or a batch", example={"events": [examples.EVENT]}, answer=examples.RECORDED,
    errors=_REFUSALS,
    description="Every event is counted once, by its id. An invalid event never fails its batch; a bare event that is "
    "refused returns the status of its error code. 200 means that the recorded events are on disk. The header "
    "`Tollkeeper-Recorded` of every answer is the number of events that it recorded.",
)  # fmt: skip
def record_events() -> Response:
    """Record a bare event or a batch. Only a bare event's refusal sets the response status."""
    after_this_request(_say_recorded)
    sent = parse_events(read_body())
    org_id, key_id, now = acting_org(), caller().key_id, business_now()
    if sent.bare:
        answer = record_one(get_usage_recorder(), org_id, sent, key_id=key_id, now=now)
    else:
        answer = record_many(get_usage_recorder(), org_id, sent, key_id=key_id, now=now)
    # Refusals may carry decimals and times; the others need no preparation, and this is a hot path.
    response = respond_raw(encode(answer) if answer.refused else msgspec.json.encode(answer))
    response.headers[_RECORDED] = str(answer.recorded)
    return response


@api.operation(
    "POST", "/usage/check", idempotent=False, request=CheckRequest, response=CheckAnswer,
    summary="Check whether a quantity may be used, and what it would cost",
    example=examples.ASKED, answer=examples.CHECKED, errors=("unknown_meter", "bad_quantity"),
    description="Answers from the same data as recording does, but reserves nothing: the limit is enforced when the "
    "event is recorded. `limit` belongs to the deciding `span`. Send up to 100 checks under `checks`. An "
    "`Idempotency-Key` is ignored: the answer is always about now.",
)  # fmt: skip
def check_usage(body: CheckRequest) -> Response:
    """Check whether quantities may be used; reserves nothing.

    Raises `Refused` for an unknown meter in a single check.
    """
    org_id = acting_org()
    answers = check_limits(get_usage_recorder(), org_id, _questions(body), now=business_now())
    if body.checks is not None:
        return respond_raw(msgspec.json.encode({"checks": [_check_answer(org_id, answer) for answer in answers]}))
    if answers[0].reason == "unknown_meter":
        raise Refused(describe_unknown_meter(body.meter or ""), code="unknown_meter")
    return respond_raw(msgspec.json.encode(_check_answer(org_id, answers[0])))


@api.operation(
    "GET", "/usage/events", query=EventsQuery, response=EventsAnswer, answer=examples.EVENTS,
    summary="Raw events by time and filter",
    description="Newest first. The range from `from` to `to` is half-open; omitted filters match everything.",
)  # fmt: skip
def list_events(query: EventsQuery) -> EventsAnswer:
    """One page of the caller's raw events, newest first."""
    position = parse_time_id_cursor(query.next)
    wanted = raw_events.EventFilter(
        query.start, query.end, query.meter, query.kind, query.provider, query.endpoint, query.user, query.client
    )
    rows = raw_events.list_raw_events(session(), acting_org(), wanted, position, query.limit + 1)
    shown, following = rows[: query.limit], None
    if len(rows) > query.limit:
        last = shown[-1].UsageEvent
        following = encode_cursor(last.occurred_at.isoformat(), str(last.key))
    return EventsAnswer([build_event(row) for row in shown], following)


@api.operation(
    "GET", "/usage/refused", query=RefusedQuery, response=RefusedAnswer, answer=examples.REFUSED,
    summary="Refused events",
    description="Newest first, kept for 30 days. Correct the problem in `detail` and send the event again: its id is "
    "still unused. Refusals at a limit are counted by hour under `quota`. Of each hour and code, the first 200 events "
    "are kept as sent; others are counted under `more`.",
)  # fmt: skip
def list_refused(query: RefusedQuery) -> RefusedAnswer:
    """One page of the caller's refused events, newest first, with the hours in which limits refused."""
    org_id, before = acting_org(), parse_id_cursor(query.next)
    rows = refused_events.list_refused(session(), org_id, before, query.limit + 1)
    shown = rows[: query.limit]
    following = encode_cursor(str(shown[-1].id)) if len(rows) > query.limit else None
    hours = refused_events.list_refused_hours(session(), org_id, 200)
    more = refused_events.list_counted_hours(session(), org_id, 200)
    return RefusedAnswer(
        [RefusedOut(row.event_id, row.at, row.code, row.detail, row.event) for row in shown],
        [RefusedHour(meter, row.hour, row.count, row.quantity) for meter, row in hours],
        [RefusedMore(row.code, row.hour, row.more) for row in more],
        following,
    )


def _say_recorded(response: Response) -> Response:
    """Say that nothing was recorded, unless that is not known."""
    if response.status_code < 500:
        response.headers.setdefault(_RECORDED, "0")
    return response


def _questions(body: CheckRequest) -> list[UsageQuestion]:
    if (body.checks is None) == (body.meter is None):
        raise InvalidRequest("Send either `meter` or `checks`.", [FieldError("meter", "one of meter and checks")])
    if body.checks is None:
        return [UsageQuestion(body.meter or "", _quantity(body.quantity), _named(body))]
    for name in ("quantity", *_NAMED):
        if (value := getattr(body, name)) is not None and value is not ABSENT:
            raise InvalidRequest(
                f"Put `{name}` inside each of `checks`.", [FieldError(name, "not allowed with checks")]
            )
    return [UsageQuestion(asked.meter, _quantity(asked.quantity), _named(asked)) for asked in body.checks]


def _named(asked: CountedFields) -> str | None:
    """The fields that a `unique` meter may count, as JSON; None without any."""
    named = {name: value for name in _NAMED if (value := getattr(asked, name)) is not None}
    return msgspec.json.encode(named).decode() if named else None


def _quantity(raw: Raw) -> Decimal:
    if raw is ABSENT:
        return Decimal(1)
    sent = bytes(raw)
    try:
        return parse_quantity(sent[1:-1] if sent.startswith(b'"') else sent)
    except ValueError as error:
        raise Refused(f"quantity {error}", code="bad_quantity") from None


def _check_answer(org_id: UUID, answer: CheckResult) -> dict[str, Any]:
    """Build a `CheckAnswer` as a dict ready for JSON, since this is a hot path."""
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
        "upgrade_url": None if answer.allowed else _upgrade_url(org_id, answer),
    }


def _upgrade_url(org_id: UUID, answer: CheckResult) -> str:
    if answer.reason == "unknown_meter":
        return absolute_url("plans.index")  # no plan has this meter
    used = answer.used + answer.reserved
    return upgrade_url(runtime().pool, org_id, answer.meter, answer.span, used=used, refused=answer.requested)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
