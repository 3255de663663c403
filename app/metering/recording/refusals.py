"""Turns the outcome of the SQL call into error messages for people and details for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
LONGEST_WAIT = timedelta(hours=1)
_SPANS = {"period": "this period", "minute": "this minute", "hour": "this hour", "day": "today"}


@dataclass(frozen=True, slots=True)
class LimitState:
    """A limit that refused an event. `span` is period, minute, hour or day, [starts_at, ends_at).

    `adds` is what the event would have added; under `peak`, the value it would have set.
    """

    span: str
    limit: Decimal
    used: Decimal
    reserved: Decimal
    starts_at: datetime
    ends_at: datetime
    adds: Decimal
    peak: bool

    def is_over(self, now: datetime) -> bool:
        """Whether the span has ended: nothing resets it, and no plan would have room in it."""
        return self.ends_at <= now


def parse_limit_state(facts: Mapping[str, Any]) -> LimitState:
    """Parse the facts of a refusal at a limit."""
    return LimitState(
        span=facts["span"],
        limit=Decimal(facts["limit"]),
        used=Decimal(facts["used"]),
        reserved=Decimal(facts["reserved"]),
        starts_at=datetime.fromisoformat(facts["starts_at"]),
        ends_at=datetime.fromisoformat(facts["resets_at"]),
        adds=Decimal(facts["adds"]),
        peak=facts["peak"],
    )


def describe_refusal(code: str, event: Event, facts: Mapping[str, Any] | None, now: datetime) -> str:
    """Describe to the sender why an event was refused."""
    if code == "quota_exceeded":
        return describe_limit(event.meter, parse_limit_state(facts or {}), now)
    return describe_reason(code, event, facts)


def describe_reason(code: str, event: Event, facts: Mapping[str, Any] | None = None) -> str:
    """Describe why an event was refused for anything but a limit."""
    if code == "unknown_meter":
        return describe_unknown_meter(event.meter)
    if code == "unknown_client":
        return f"There is no client {event.client!r}, and events make no more clients in this organisation."
    if code == "client_deleted":
        return f"The client {event.client!r} was deleted before this event happened."
    if code == "invalid_event":
        dimension = (facts or {}).get("dimension")
        return f"The meter {event.meter!r} counts distinct values of {dimension}; this event has none."
    return _WORDS[code]


def describe_unknown_meter(key: str) -> str:
    """Say that no meter has this key."""
    return f"There is no meter {key!r}."


def describe_limit(meter: str, state: LimitState, now: datetime) -> str:
    """Describe in one sentence a limit that is reached. A span that has ended is named by its times."""
    limit, over = plain(state.limit), state.is_over(now)
    when = f"in the {state.span} from {_instant(state.starts_at)} to {_instant(state.ends_at)}"
    span = when if over else _SPANS[state.span]
    if state.peak:
        return f"{plain(state.adds)} {meter} is above the limit of {limit} {span}."
    reserved = f" and {plain(state.reserved)} reserved" if state.reserved else ""
    used = f"{plain(state.used)} of {limit} {meter} {'were' if over else 'are'} used {span}{reserved}"
    return f"{used}; {plain(state.adds)} more would exceed the limit."


def build_refusal_error(
    outcome: Outcome, words: str, event: Event, *, upgrade_url: str | None, now: datetime
) -> DomainError:
    """Build the error for a refused bare event; at a limit it includes the limit's state."""
    code, facts = outcome.code, outcome.facts
    if code == "id_conflict":
        return Conflict(words, code=code, id=event.id)
    if code != "quota_exceeded" or facts is None:
        return Refused(words, code=code, id=event.id)
    state = parse_limit_state(facts)
    return Refused(
        words, code=code, meter=event.meter, requested=outcome.quantity, upgrade_url=upgrade_url,
        retry_after=_find_wait(state, now), **list_facts(state, now),
    )  # fmt: skip


def list_facts(state: LimitState, now: datetime) -> dict[str, Any]:
    """The API's fields of a limit; a span that has ended never resets."""
    return {
        "limit": state.limit,
        "used": state.used,
        "reserved": state.reserved,
        "resets_at": None if state.is_over(now) else state.ends_at,
    }


def _find_wait(state: LimitState, now: datetime) -> int | None:
    """Seconds for `Retry-After`: only for an hour or less, so that HTTP clients do not sleep for weeks."""
    wait = state.ends_at - now
    return ceil(wait.total_seconds()) if timedelta(0) < wait <= LONGEST_WAIT else None


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
