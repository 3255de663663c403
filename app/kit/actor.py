"""The actor: passed to every function that writes an audit entry."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts and from where. `kind` is user, key, staff, system or visitor; `id` is the user's or key's id.

    `acting_for` is the org on whose behalf a staff member or staff key acts.
    """

    kind: str
    id: UUID | None = None
    acting_for: UUID | None = None
    request_id: str | None = None
    address: str | None = None


SYSTEM = Actor("system")
