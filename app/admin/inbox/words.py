"""What staff pages say about Stripe's events. Pure."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from app.admin.org_payments import PaymentEvent

_STATES = {
    "received": "Waiting in the queue, or being processed.",
    "applied": "The latest state was retrieved from Stripe and applied.",
    "ignored": "Nothing here depends on this event. It is kept for reference.",
    "refused": "Not applied: its mode, account or Stripe API version differs from this installation's.",
    "parked": "Its customer does not belong to any organisation yet. Replay it once there is one.",
    "failed": "It could not be applied, and nothing was changed. Replay it once the cause is fixed.",
}


def describe_state(state: str) -> str:
    """What an event's state means, and what to do."""
    return _STATES[state]


def find_list_error(event: Row[Any] | PaymentEvent) -> str | None:
    """The error to show in a list; that of an ignored event only explains why, so its own page is enough."""
    error: str | None = event.error
    return None if event.state == "ignored" else error
