"""Parses request bodies: a single event, or a whole batch in one typed decode.

If that decode fails, events are decoded one by one, so that an invalid event never fails its batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from app.kit.errors import FieldError, InvalidRequest
from app.kit.fields import Instant, QuantityOrOne, RawObjectOrNull

T = TypeVar("T")

MAX_EVENTS = 5000
ABSENT = Raw(b"null")  # a singleton: `is ABSENT` tells it from a null that was sent

EventId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=r"^[^/\x00-\x1f\x7f-\x9f]+\Z",
        description="Chosen by you and unique in your organisation. UUIDv7 is fastest.",
    ),
]
Label = Annotated[str, Meta(min_length=1, max_length=255)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Size = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Metadata = Annotated[
    RawObjectOrNull,
    Meta(description="Free-form data, up to 4 KiB. It can be erased later.", extra_json_schema={"default": None}),
]


class Event(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A usage event as sent. Fields are in alphabetical order, so encoding it yields its canonical content."""

    client: Label | None = None
    endpoint: Label | None = None
    file_bytes: Size | None = None
    format: Label | None = None
    id: EventId
    job: Label | None = None
    kind: Label | None = None
    language: Label | None = None
    metadata: Metadata = field(default_factory=lambda: ABSENT)
    meter: Label
    occurred_at: Instant | None = None
    provider: Label | None = None
    quantity: QuantityOrOne = field(default_factory=lambda: ABSENT)
    response_ms: Count | None = None
    status_code: Count | None = None
    user: Label | None = None


class Batch(Struct, forbid_unknown_fields=True):
    """Up to 5,000 events, decoded in one call."""

    events: list[Event]


class _RawBatch(Struct, forbid_unknown_fields=True):
    events: list[Raw]


class _Probe(Struct):
    events: Raw | UnsetType = UNSET


class _NulError(ValueError):
    """A text contains NUL, which PostgreSQL cannot store."""


class _IdOnly(Struct):
    id: Any = None


@dataclass(frozen=True, slots=True)
class BadEvent:
    """An event that cannot be parsed; `raw` is the JSON as sent."""

    index: int
    id: str | None
    code: str
    detail: str
    raw: bytes


@dataclass(slots=True)
class SubmittedEvents:
    """The events of a request: the valid ones with their indexes, and the invalid ones."""

    bare: bool
    events: list[Event]
    places: list[int]
    bad: list[BadEvent]


_BATCH = msgspec.json.Decoder(Batch)
_RAW_BATCH = msgspec.json.Decoder(_RawBatch)
_EVENT = msgspec.json.Decoder(Event)
_PROBE = msgspec.json.Decoder(_Probe)
_ID = msgspec.json.Decoder(_IdOnly)


def parse_events(body: bytes) -> SubmittedEvents:
    """Parse a body: a bare event or `{"events": [...]}`. Raises `InvalidRequest` if it is neither."""
    has_nul = b"\\u0000" in body
    if not _is_batch(body):
        return _parse_each([Raw(body)], bare=True)
    if not has_nul:
        try:
            events = _BATCH.decode(body).events
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # some event is invalid: decode them one by one
        else:
            _check_size(len(events))
            return SubmittedEvents(False, events, list(range(len(events))), [])
    raws = _understood(_RAW_BATCH.decode, body).events
    _check_size(len(raws))
    return _parse_each(raws, bare=False)


def _is_batch(body: bytes) -> bool:
    if body.startswith((b'{"events"', b'{ "events"')):
        return True
    return _understood(_PROBE.decode, body).events is not UNSET


def _understood(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> InvalidRequest:
    return InvalidRequest("The request body is not valid.", [FieldError("", str(error))])


def _check_size(count: int) -> None:
    if count > MAX_EVENTS:
        raise InvalidRequest(
            f"A batch can have at most {MAX_EVENTS} events; this one has {count}.",
            [FieldError("events", f"at most {MAX_EVENTS}")],
        )


def _parse_each(raws: list[Raw], *, bare: bool) -> SubmittedEvents:
    sent = SubmittedEvents(bare, [], [], [])
    for index, raw in enumerate(raws):
        try:
            event = _EVENT.decode(raw)
            if b"\\u0000" in bytes(raw):
                _refuse_nul(event)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            if bare and not isinstance(error, msgspec.ValidationError | _NulError):
                raise _unreadable(error) from None
            sent.bad.append(BadEvent(index, _id_of(raw), "invalid_event", _words(error), bytes(raw)))
        else:
            sent.events.append(event)
            sent.places.append(index)
    return sent


def _refuse_nul(event: Event) -> None:
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, str) and "\x00" in value:
            raise _NulError(f"NUL characters are not allowed - at `$.{name}`")


def _id_of(raw: Raw) -> str | None:
    try:
        event_id = _ID.decode(raw).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return event_id[:255].replace("\x00", "\ufffd") if isinstance(event_id, str) else None


def _words(error: Exception) -> str:
    return str(error).replace("$.", "").replace("\x00", "\ufffd")
