"""Request and response schemas of the usage API, other than events themselves. The reference is generated from them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from app.kit.fields import FreeObject, Instant, Label, Quantity, QuantityOrOne
from app.metering.schemas import ABSENT, Event, EventId
from app.web.paging import Limit


class BatchRequest(Struct, forbid_unknown_fields=True):
    """Up to 5,000 events under `events`."""

    events: Annotated[list[Event], Meta(max_length=5000)]


class RefusedItem(Struct):
    """An event of the batch that was not recorded: its index, from 0, and why; at a limit, with the limit's state."""

    index: int
    id: str | None
    code: str
    detail: str
    meter: str | UnsetType = UNSET
    limit: Decimal | UnsetType = UNSET
    used: Decimal | UnsetType = UNSET
    reserved: Decimal | UnsetType = UNSET
    requested: Decimal | UnsetType = UNSET
    resets_at: Instant | UnsetType | None = UNSET
    upgrade_url: str | UnsetType | None = UNSET


class RecordAnswer(Struct):
    """How many events were recorded, how many were duplicates, and which were refused."""

    recorded: int
    duplicates: int
    refused: list[RefusedItem] = []


class CountedFields(Struct, kw_only=True):
    """The fields that a `unique` meter may count."""

    user: Label | None = None
    client: Label | None = None
    kind: Label | None = None
    provider: Label | None = None
    endpoint: Label | None = None
    language: Label | None = None
    format: Label | None = None
    job: Label | None = None


class Question(CountedFields, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A quantity to check: n events of a `count` meter, the value of a `max` meter.

    For a `unique` meter, send the field that it counts (`user`, `client`, `kind`, …): a value that is known already is
    allowed, as its event would be. Without it, `quantity` is a number of new values.
    """

    meter: Label
    quantity: QuantityOrOne = field(default_factory=lambda: ABSENT)


class CheckRequest(CountedFields, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A single check, or up to 100 under `checks`, each of which is answered as if it were the only one."""

    meter: Label | None = None
    # No default in the schema: a client that fills it in would send it together with `checks`, which is refused.
    quantity: Annotated[Quantity, Meta(description="Quantity of `meter`; 1 if absent. Not with `checks`.")] = field(
        default_factory=lambda: ABSENT
    )
    checks: Annotated[list[Question], Meta(min_length=1, max_length=100)] | None = None


class CheckAnswer(Struct):
    """Whether the quantity fits now, and the state of the deciding limit. Nothing is reserved.

    For several checks, the response has only `checks`, with one answer per check, in order.
    """

    meter: str | UnsetType = UNSET
    allowed: bool | UnsetType = UNSET
    reason: str | UnsetType | None = UNSET
    policy: str | UnsetType | None = UNSET
    allowance: Decimal | UnsetType | None = UNSET
    span: str | UnsetType = UNSET
    limit: Decimal | UnsetType | None = UNSET
    used: Decimal | UnsetType = UNSET
    reserved: Decimal | UnsetType = UNSET
    remaining: Decimal | UnsetType | None = UNSET
    requested: Decimal | UnsetType = UNSET
    resets_at: Instant | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    price: Decimal | UnsetType | None = UNSET
    next_unit_price: Decimal | UnsetType | None = UNSET
    upgrade_url: str | UnsetType | None = UNSET
    checks: list[CheckAnswer] | UnsetType = UNSET


class EventsFilter(Struct, forbid_unknown_fields=True):
    """Filters; the time range is half-open, `[from, to)`."""

    start: Instant | None = field(default=None, name="from")
    end: Instant | None = field(default=None, name="to")
    meter: Label | None = None
    kind: Label | None = None
    provider: Label | None = None
    endpoint: Label | None = None
    user: Label | None = None
    client: Label | None = None


class EventsQuery(EventsFilter, forbid_unknown_fields=True):
    """Filters; the time range is half-open, `[from, to)`. `next` is the cursor from the previous page."""

    limit: Limit = 50
    next: str | None = None


class EventsExportQuery(EventsFilter, forbid_unknown_fields=True):
    """Filters; the time range is half-open, `[from, to)`."""

    format: Literal["csv", "jsonl"] = "csv"


class UsageEventOut(Struct):
    """An event as recorded. `client` and `user` are labels, null once erased."""

    id: EventId
    meter: str
    quantity: Decimal
    occurred_at: Instant
    recorded_at: Instant
    kind: str | None
    provider: str | None
    endpoint: str | None
    language: str | None
    format: str | None
    user: str | None
    client: str | None
    job: str | None
    status_code: int | None
    response_ms: int | None
    file_bytes: int | None
    metadata: FreeObject | None
    attempt: str
    billable: bool
    billing_reason: str | None
    plan: str | None
    source: str


class EventsAnswer(Struct):
    """Newest first; `next` is null on the last page."""

    events: list[UsageEventOut]
    next: str | None


class RefusedQuery(Struct, forbid_unknown_fields=True):
    """`next` is the cursor from the previous page."""

    limit: Limit = 50
    next: str | None = None


class RefusedOut(Struct):
    """A refused event, as it was sent."""

    id: str | None
    at: Instant
    code: str
    detail: str
    event: Any


class RefusedHour(Struct):
    """The number and total quantity of events that a limit refused in an hour."""

    meter: str
    hour: Instant
    count: int
    quantity: Decimal


class RefusedMore(Struct):
    """The number of refused events of an hour and code beyond those that are kept as sent."""

    code: str
    hour: Instant
    count: int


class RefusedAnswer(Struct):
    """Newest first, kept for 30 days. `quota` counts refusals at limits by hour, `more` those that are not listed."""

    refused: list[RefusedOut]
    quota: list[RefusedHour]
    more: list[RefusedMore]
    next: str | None
