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
    """`retry_days` are counted from the first failure; `after_retries` is the state after the last retry."""

    retry_days: tuple[int, ...] = (3, 5, 7)
    after_retries: str = "past_due"


def read(world: World) -> RetrySettings:
    """Read the current settings."""
    stored = world.find(_ID)
    return RetrySettings(tuple(stored["retry_days"]), stored["after_retries"]) if stored else RetrySettings()


def write(world: World, *, retry_days: tuple[int, ...] | None = None, after_retries: str | None = None) -> None:
    """Change the settings; raises 400 for an unknown state or for days that are not ascending."""
    old = read(world)
    new = RetrySettings(old.retry_days if retry_days is None else retry_days, after_retries or old.after_retries)
    if new.after_retries not in AFTER:
        raise invalid(f"Invalid after_retries: must be one of {', '.join(AFTER)}", param="after_retries")
    if list(new.retry_days) != sorted(set(new.retry_days)) or any(day < 1 for day in new.retry_days):
        raise invalid("Invalid retry_days: must be ascending numbers of days, starting at 1", param="retry_days")
    stored: Obj | None = world.find(_ID)
    fields: dict[str, Any] = {"retry_days": list(new.retry_days), "after_retries": new.after_retries}
    if stored is None:
        world.add({"id": _ID, "object": _ID, **fields})
    else:
        stored.update(fields)
        world.save(stored)


def next_attempt(world: World, first_failed: int, attempts: int) -> int | None:
    """When to retry the payment after `attempts` attempts (Unix seconds); None after the last."""
    days = read(world).retry_days
    return first_failed + days[attempts - 1] * DAY if attempts <= len(days) else None
