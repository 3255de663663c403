"""The account's settings for failed payments: when they are retried, and what follows the last retry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.standin.errors import invalid
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

DAY = 86_400
AFTER = ("past_due", "unpaid", "cancel")
_ID = "_billing_settings"


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """`retry_days` count from the first failure; `after_retries` is the state that follows the last."""

    retry_days: tuple[int, ...] = (3, 5, 7)
    after_retries: str = "past_due"


def read(world: World) -> RetrySettings:
    """The settings in force."""
    kept = world.find(_ID)
    return RetrySettings(tuple(kept["retry_days"]), kept["after_retries"]) if kept else RetrySettings()


def write(world: World, *, retry_days: tuple[int, ...] | None = None, after_retries: str | None = None) -> None:
    """Change them; raises 400 for a state that is none of AFTER, or for days that do not rise."""
    old = read(world)
    new = RetrySettings(old.retry_days if retry_days is None else retry_days, after_retries or old.after_retries)
    if new.after_retries not in AFTER:
        raise invalid(f"Invalid after_retries: must be one of {', '.join(AFTER)}", param="after_retries")
    if list(new.retry_days) != sorted(set(new.retry_days)) or any(day < 1 for day in new.retry_days):
        raise invalid("Invalid retry_days: rising numbers of days from 1", param="retry_days")
    kept: Obj | None = world.find(_ID)
    fields: dict[str, Any] = {"retry_days": list(new.retry_days), "after_retries": new.after_retries}
    if kept is None:
        world.add({"id": _ID, "object": _ID, **fields})
    else:
        kept.update(fields)
        world.save(kept)


def next_attempt(world: World, first_failed: int, attempts: int) -> int | None:
    """When the payment is tried again after `attempts` tries (Unix seconds); None after the last."""
    days = read(world).retry_days
    return first_failed + days[attempts - 1] * DAY if attempts <= len(days) else None
