"""The usage event as sent. `metering.recording.body` parses requests into it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct, field

from app.kit.fields import Instant, Label, QuantityOrOne, RawObjectOrNull, matching

MAX_EVENTS = 5000
ABSENT = Raw(b"null")  # a singleton: `is ABSENT` tells it from a null that was sent

EventId = Annotated[
    Label,
    Meta(description="Chosen by you and unique in your organisation. UUIDv7 is fastest."),
    matching(r"^[^\x00-\x1f\x7f-\x9f]+\Z", "text without control characters"),
]
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
