"""Refusals of metering: from the outcome and facts of the SQL call to words for people and facts for programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Any

from app.kit.errors import Conflict, DomainError, Refused
from app.kit.money import plain
from app.metering.recording.record import Outcome
from app.metering.schemas import Event

_WORDS = {
    "id_conflict": "The id was already used for an event with other content.",
    "event_too_old": "The event happened before the time from which events are still taken.",
    "event_in_future": "The event's time lies ahead of now.",
}
_SPANS = {"period": "this period", "minute": "this minute", "hour": "this hour", "day": "today"}


def detail(code: str, event: Event, quantity: str, facts: Mapping[str, Any] | None) -> str:
    """What to tell the sender about one refused event."""
    if code == "quota_exceeded":
        return quota_words(event.meter, quantity, facts or {})
    if code == "unknown_meter":
        return f"There is no meter {event.meter!r}."
    if code == "unknown_client":
        return f"There is no client {event.client!r}."
    if code == "invalid_event":
        dimension = (facts or {}).get("dimension")
        return f"The meter {event.meter!r} counts each {dimension} once; this event names none."
    return _WORDS[code]


def quota_words(meter: str, quantity: str, facts: Mapping[str, Any]) -> str:
    """One sentence about a limit that is reached."""
    held = Decimal(facts["reserved"])
    reserved = f" and {plain(held)} reserved" if held else ""
    return (
        f"{plain(Decimal(facts['used']))} of {plain(Decimal(facts['limit']))} {meter} are used "
        f"{_SPANS[facts['span']]}{reserved}; {quantity} more would pass the limit."
    )


def refusal(outcome: Outcome, words: str, event: Event, *, upgrade_url: str | None, now: datetime) -> DomainError:
    """The error that answers a bare event; at a limit it carries the limit's state."""
    code, facts = outcome.code, outcome.facts
    if code == "id_conflict":
        return Conflict(words, code=code, id=event.id)
    if code != "quota_exceeded" or facts is None:
        return Refused(words, code=code, id=event.id)
    limit = state(facts)
    wait = ceil((limit["resets_at"] - now).total_seconds())
    return Refused(
        words, code=code, meter=event.meter, requested=outcome.quantity, upgrade_url=upgrade_url,
        retry_after=max(1, wait), **limit,
    )  # fmt: skip


def state(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A limit's state as the API names it: decimals, and the instant at which it starts anew."""
    return {
        "limit": Decimal(facts["limit"]),
        "used": Decimal(facts["used"]),
        "reserved": Decimal(facts["reserved"]),
        "resets_at": datetime.fromisoformat(facts["resets_at"]),
    }
