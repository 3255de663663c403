"""Requests and responses of staff's usage. Quantities are exact decimals; days are UTC days."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from app.kit.fields import Instant, ShortText
from app.portal.usage.analytics_schemas import LatencyOut, ResponsesOut, SizesOut
from app.web.paging import Limit

GroupBy = Literal["meter", "plan", "kind", "provider", "endpoint", "hour"]


class AnalyticsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """UTC days, inclusive, at most 400; by default the last 30. `plan` is a plan's key, `limit` how many are named.

    Without `active`, nobody is counted, which is faster where there are many organisations.
    """

    start: date | None = msgspec.field(default=None, name="from")
    end: date | None = msgspec.field(default=None, name="to")
    span: Literal["range", "day", "week", "month"] = "range"
    meter: ShortText | None = None
    plan: ShortText | None = None
    group_by: GroupBy = "meter"
    active: bool = True
    limit: Limit = 100


class Figure(msgspec.Struct):
    """Usage of a meter in one part of a span: `total`, a `value`, all `others`, or what is `not_given`.

    `start` is the span's first day, null over all days. `group` is a plan's key, a version's id, a kind, a provider, an
    endpoint or an hour, with `weekday` (1 is Monday); `label` its name. `quantity` is null where it is not known:
    maxima and distinct values do not add up. The last three only by endpoint, where events carry them; sizes in total.
    """

    start: date | None
    meter: str
    part: Literal["total", "value", "others", "not_given"]
    group: str | None
    label: str | None
    weekday: int | None
    quantity: Decimal | None
    events: int
    responses: ResponsesOut | None = None
    latency: LatencyOut | None = None
    file_sizes: SizesOut | None = None


class MeterAverage(msgspec.Struct):
    """A meter's total divided by the days, and by the active organisations; to six places."""

    meter: str
    per_day: Decimal
    per_org: Decimal | None


class ActiveOut(msgspec.Struct):
    """Organisations and users with any usage on a day, or in a month. Users are null of one plan."""

    start: date
    orgs: int
    users: int | None


class AnalyticsAnswer(msgspec.Struct):
    """Usage of all organisations. `before` are the figures of as many days right before, `before_from` to `before_to`;
    a span there has the `start` of the one that it is compared with. `active` is by day, or by whole calendar month of
    ranges over 31 days, each in the organisation's time zone, as of the roll-up at `as_of`.
    """

    start: date = msgspec.field(name="from")
    end: date = msgspec.field(name="to")
    before_start: date = msgspec.field(name="before_from")
    before_end: date = msgspec.field(name="before_to")
    span: str
    group_by: str
    figures: list[Figure]
    before: list[Figure]
    averages: list[MeterAverage]
    active_orgs: int | None
    active_users: int | None
    active: list[ActiveOut]
    as_of: Instant | None


_WHOLE = {
    "start": None, "meter": "api_calls", "part": "total", "group": None, "label": None, "weekday": None,
    "quantity": "72957", "events": 389, "responses": None, "latency": None, "file_sizes": None,
}  # fmt: skip
ANALYTICS = {
    "from": "2026-10-23",
    "to": "2026-11-21",
    "before_from": "2026-09-23",
    "before_to": "2026-10-22",
    "span": "range",
    "group_by": "plan",
    "figures": [
        _WHOLE,
        _WHOLE | {"part": "value", "group": "pro", "label": "Pro", "quantity": "68635", "events": 77},
        _WHOLE | {"part": "value", "group": "free", "label": "Free", "quantity": "4322", "events": 312},
    ],
    "before": [_WHOLE | {"quantity": "61200", "events": 350}],
    "averages": [{"meter": "api_calls", "per_day": "2431.9", "per_org": "14591.4"}],
    "active_orgs": 5,
    "active_users": 21,
    "active": [{"start": "2026-11-20", "orgs": 4, "users": 17}],
    "as_of": "2026-11-21T12:00:00Z",
}
