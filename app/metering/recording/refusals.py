"""Turns the outcome of the SQL call into error messages for people and details for programs."""

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
    "id_conflict": "This id was already used for an event with different content.",
    "event_too_old": "The event is too old to be recorded.",
    "event_in_future": "The event's time is in the future.",
}
_SPANS = {"period": "this period", "minute": "this minute", "hour": "this hour", "day": "today"}


def describe_refusal(code: str, event: Event, quantity: str, facts: Mapping[str, Any] | None) -> str:
    """Describe to the sender why an event was refused."""
    if code == "quota_exceeded":
        return describe_quota(event.meter, quantity, facts or {})
    if code == "unknown_meter":
        return f"There is no meter {event.meter!r}."
    if code == "unknown_client":
        return f"There is no client {event.client!r}."
    if code == "invalid_event":
        dimension = (facts or {}).get("dimension")
        return f"The meter {event.meter!r} counts distinct values of {dimension}; this event has none."
    return _WORDS[code]


def describe_quota(meter: str, quantity: str, facts: Mapping[str, Any]) -> str:
    """Describe in one sentence a limit that is reached."""
    reserved_quantity = Decimal(facts["reserved"])
    reserved = f" and {plain(reserved_quantity)} reserved" if reserved_quantity else ""
    return (
        f"{plain(Decimal(facts['used']))} of {plain(Decimal(facts['limit']))} {meter} are used "
        f"{_SPANS[facts['span']]}{reserved}; {quantity} more would exceed the limit."
    )


def build_refusal_error(
    outcome: Outcome, words: str, event: Event, *, upgrade_url: str | None, now: datetime
) -> DomainError:
    """Build the error for a refused bare event; at a limit it includes the limit's state."""
    code, facts = outcome.code, outcome.facts
    if code == "id_conflict":
        return Conflict(words, code=code, id=event.id)
    if code != "quota_exceeded" or facts is None:
        return Refused(words, code=code, id=event.id)
    limit = parse_limit_state(facts)
    wait = ceil((limit["resets_at"] - now).total_seconds())
    return Refused(
        words, code=code, meter=event.meter, requested=outcome.quantity, upgrade_url=upgrade_url,
        retry_after=max(1, wait), **limit,
    )  # fmt: skip


def parse_limit_state(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Parse a limit's state into the API's fields: decimals, and the time at which it resets."""
    return {
        "limit": Decimal(facts["limit"]),
        "used": Decimal(facts["used"]),
        "reserved": Decimal(facts["reserved"]),
        "resets_at": datetime.fromisoformat(facts["resets_at"]),
    }
