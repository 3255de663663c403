"""An event as Stripe sends it, read from the bytes of a delivery. Pure."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from app.kit.errors import InvalidRequest


class EventData(msgspec.Struct):
    """What an event is about."""

    object: dict[str, Any]
    previous_attributes: dict[str, Any] | None = None


class Envelope(msgspec.Struct):
    """An event as Stripe sends it."""

    id: str
    object: str
    type: str
    created: Annotated[int, msgspec.Meta(ge=0, le=32_503_680_000)]
    livemode: bool
    data: EventData
    api_version: str | None = None
    account: str | None = None


def parse_event(raw: bytes) -> tuple[Envelope, dict[str, Any]]:
    """An event's envelope and its whole body, read once; `InvalidRequest` when it is no event."""
    try:
        whole = msgspec.json.decode(raw, type=dict[str, Any])
        envelope = msgspec.convert(whole, Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("The body is no event.") from None
    if envelope.object != "event" or not envelope.id.startswith("evt_"):
        raise InvalidRequest("The body is no event.")
    return envelope, whole


def find_customer_id(data: EventData) -> str | None:
    """The customer that an event is about; of a card taken off, the one that it was taken from."""
    if data.object.get("object") == "customer":
        return clean_text(data.object.get("id"))
    named = data.object.get("customer") or (data.previous_attributes or {}).get("customer")
    return clean_text(named.get("id") if isinstance(named, dict) else named)


def clean_text(value: Any) -> str | None:
    """A text, without U+0000, which PostgreSQL does not take; None for anything else."""
    return value.replace("\x00", "") if isinstance(value, str) else None
