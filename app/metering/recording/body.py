"""Parses the body of a recording call: a single event, or a whole batch in one typed decode.

If that decode fails, events are decoded one by one, so that an invalid event never fails its batch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from app.kit.errors import FieldError, InvalidRequest
from app.kit.fields import describe_mismatch
from app.metering.recording import json_parts
from app.metering.schemas import MAX_EVENTS, Batch, Event

# Reading an event raises one of these.
_UNREADABLE = (msgspec.DecodeError, RecursionError, ValueError)
# More digits than a time can hold. msgspec would round them, but times are cut.
_LONG_FRACTION = re.compile(rb"\.[0-9]{7}")
_BEYOND_MICROSECONDS = re.compile(r"(\.[0-9]{6})[0-9]+")


class _RawBatch(Struct, forbid_unknown_fields=True):
    events: list[Raw]


class _Probe(Struct):
    events: Raw | UnsetType = UNSET


class _NulError(ValueError):
    """A text contains NUL, which PostgreSQL cannot store."""


class _IdOnly(Struct):
    id: Any = None


class _TimeOnly(Struct):
    occurred_at: str


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
_TIME = msgspec.json.Decoder(_TimeOnly)


def parse_events(body: bytes) -> SubmittedEvents:
    """Parse a body: a bare event or `{"events": [...]}`. Raises `InvalidRequest` if it is neither, or not JSON."""
    one_by_one = b"\\u0000" in body or _LONG_FRACTION.search(body) is not None
    try:
        if not _is_batch(body):
            return _parse_each([body], bare=True)
        if not one_by_one:
            try:
                events = _BATCH.decode(body).events
            except _UNREADABLE:
                pass  # some event is invalid
            else:
                _check_size(len(events))
                return SubmittedEvents(False, events, list(range(len(events))), [])
        raws = [bytes(raw) for raw in _RAW_BATCH.decode(body).events]
    except msgspec.ValidationError as error:
        raise _unreadable(str(error)) from None
    except _UNREADABLE:
        return _parse_parts(body)
    _check_size(len(raws))
    return _parse_each(raws, bare=False)


def _is_batch(body: bytes) -> bool:
    if body.startswith((b'{"events"', b'{ "events"')):
        return True
    return _PROBE.decode(body).events is not UNSET


def _parse_parts(body: bytes) -> SubmittedEvents:
    """Parse a body that no decoder reads as a whole. Raises `InvalidRequest` if it is not JSON."""
    try:
        parts = json_parts.split_events(body, MAX_EVENTS)
    except msgspec.DecodeError as error:
        raise _unreadable(str(error)) from None
    raws = [body] if parts is None else parts
    _check_size(len(raws))
    for raw in raws:
        if (words := json_parts.find_error(raw)) is not None:
            raise _unreadable(words)
    return _parse_each(raws, bare=parts is None)


def _unreadable(words: str) -> InvalidRequest:
    return InvalidRequest("The request body is not valid.", [FieldError("", describe_mismatch(words))])


def _check_size(count: int) -> None:
    if count > MAX_EVENTS:
        raise InvalidRequest(
            f"A batch can have at most {MAX_EVENTS} events; this one has more. Nothing was recorded.",
            [FieldError("events", f"at most {MAX_EVENTS}")],
        )


def _parse_each(raws: list[bytes], *, bare: bool) -> SubmittedEvents:
    sent = SubmittedEvents(bare, [], [], [])
    for index, raw in enumerate(raws):
        try:
            event = _parse_event(raw)
        except _UNREADABLE as error:
            if bare and (words := json_parts.find_error(raw)) is not None:
                raise _unreadable(words) from None
            sent.bad.append(BadEvent(index, _id_of(raw), "invalid_event", _words(error, raw), raw))
        else:
            sent.events.append(event)
            sent.places.append(index)
    return sent


def _parse_event(raw: bytes) -> Event:
    event = _EVENT.decode(raw)
    if b"\\u0000" in raw:
        _refuse_nul(event)
    if event.occurred_at is not None and _LONG_FRACTION.search(raw):
        event.occurred_at = msgspec.convert(
            _BEYOND_MICROSECONDS.sub(r"\1", _TIME.decode(raw).occurred_at), datetime, strict=False
        )
    return event


def _refuse_nul(event: Event) -> None:
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, str) and "\x00" in value:
            raise _NulError(f"NUL characters are not allowed - at `$.{name}`")


def _id_of(raw: bytes) -> str | None:
    try:
        event_id = _ID.decode(json_parts.replace_halves(raw)).id
    except _UNREADABLE:
        return None
    return event_id[:255].replace("\x00", "\ufffd") if isinstance(event_id, str) else None


def _words(error: Exception, raw: bytes) -> str:
    half = json_parts.find_half(raw)
    if half is not None:
        return f"{half} is half of a surrogate pair; send whole characters"
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    return describe_mismatch(str(error)).replace("$.", "").replace("\x00", "\ufffd")
