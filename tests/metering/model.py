"""The rules of counting once more, in plain Python and one event at a time: what the SQL must agree with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.metering.world import METERS, MONTHS

Limit = dict[str, Any]


@dataclass
class Model:
    """One org: its limits, the ids it has used, and what counts so far."""

    limits: dict[str, Limit] = field(default_factory=dict)
    contents: dict[str, object] = field(default_factory=dict)
    used: dict[tuple[str, datetime], Decimal] = field(default_factory=dict)
    values: set[tuple[str, datetime, str]] = field(default_factory=set)
    windows: dict[tuple[str, str, datetime], Decimal] = field(default_factory=dict)

    def send(self, sent: dict[str, Any], now: datetime) -> str:
        """Judge one event and count it when it is recorded; answers its code."""
        at = sent.get("occurred_at") or now
        content = {name: value for name, value in sent.items() if name != "id"}
        if sent["id"] in self.contents:
            return "duplicate" if self.contents[sent["id"]] == content else "id_conflict"
        if at < now - timedelta(days=35):
            return "event_too_old"
        if at > now + timedelta(minutes=5):
            return "event_in_future"
        if sent["meter"] not in METERS:
            return "unknown_meter"
        if sent["meter"] == "t_people" and "user" not in sent:
            return "invalid_event"
        return self._count(sent, content, at, now)

    def _count(self, sent: dict[str, Any], content: object, at: datetime, now: datetime) -> str:
        period = max(start for start in MONTHS if start <= at)
        meter, quantity = sent["meter"], Decimal(sent["quantity"])
        aggregation = METERS[meter][0]
        value = (meter, period, sent.get("user", ""))
        delta = {"count": Decimal(1), "unique": Decimal(value not in self.values)}.get(aggregation, quantity)
        limit = self.limits.get(meter, {})
        cap = limit.get("hard_limit")
        if cap is None and limit.get("policy", "block") == "block":
            cap = limit.get("allowance")
        spans = ("minute", "hour", "day") if at >= now - timedelta(days=2) else ("day",)
        windows = [(span, limit[f"per_{span}"]) for span in spans if limit.get(f"per_{span}")]
        places: list[tuple[dict[Any, Decimal], Any, Any]] = [(self.used, (meter, period), cap)]
        places += [(self.windows, (meter, span, _start(span, at)), most) for span, most in windows]
        after = [_after(aggregation, book.get(place, Decimal(0)), delta) for book, place, _ in places]
        for (_, _, most), total in zip(places, after, strict=True):
            reached = delta if aggregation == "max" else total
            if most is not None and delta > 0 and reached > most:
                return "quota_exceeded"
        for (book, place, _), total in zip(places, after, strict=True):
            book[place] = total
        self.contents[sent["id"]] = content
        self.values.add(value)
        return "recorded"


def _after(aggregation: str, used: Decimal, delta: Decimal) -> Decimal:
    return max(used, delta) if aggregation == "max" else used + delta


def _start(span: str, at: datetime) -> datetime:
    cut = at.replace(second=0, microsecond=0)
    if span != "minute":
        cut = cut.replace(minute=0)
    return cut.replace(hour=0) if span == "day" else cut
