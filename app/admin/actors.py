"""Staff as the actor of what they do for an organisation."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from app.accounts.guards import caller
from app.kit.actor import Actor


def actor_for(org_id: UUID | None) -> Actor:
    """The staff member or staff key of this request, acting for an organisation; None where an event has none."""
    return replace(caller().actor, kind="staff", acting_for=org_id)
