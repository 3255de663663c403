"""Parses a Stripe event from the bytes of a delivery. Pure."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from app.kit.errors import InvalidRequest


class EventData(msgspec.Struct):
    """The object an event is about."""

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
    """Parse an event into its envelope and full body; raises `InvalidRequest` if it is not an event."""
    try:
        body = msgspec.json.decode(raw, type=dict[str, Any])
        envelope = msgspec.convert(body, Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("The body is not a Stripe event.") from None
    if envelope.object != "event" or not envelope.id.startswith("evt_"):
        raise InvalidRequest("The body is not a Stripe event.")
    return envelope, body


def find_customer_id(data: EventData) -> str | None:
    """Find the customer of an event; for a detached card, the customer it was detached from."""
    if data.object.get("object") == "customer":
        return clean_text(data.object.get("id"))
    customer = data.object.get("customer") or (data.previous_attributes or {}).get("customer")
    return clean_text(customer.get("id") if isinstance(customer, dict) else customer)


def clean_text(value: Any) -> str | None:
    """Strip U+0000 from a string, since PostgreSQL rejects it; None for any other type."""
    return value.replace("\x00", "") if isinstance(value, str) else None
