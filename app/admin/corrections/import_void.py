"""One press of staff's on the void of an import: some batches, each a transaction of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.kit.actor import Actor
from app.metering.corrections.import_lookup import find_start
from app.metering.corrections.import_void import BATCH, void_import_batch
from app.web.database import transaction

BATCHES = 5
"""Batches a press, which a page waits for: some seconds."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """How many events a press voided; `more`: another press goes on."""

    voided: int
    more: bool


def void_some(
    org_id: UUID,
    import_id: UUID,
    reason: str,
    *,
    actor: Actor,
    now: datetime,
    batches: int = BATCHES,
    most: int = BATCH,
) -> Pressed:
    """Void the next events of an import, from the first that can be voided on. Opens its own transactions.

    Raises `NotFound` if the import brought the org nothing.
    """
    with transaction() as session:
        after = find_start(session, org_id, import_id, now)
    voided = 0
    for _ in range(batches):
        with transaction() as session:
            batch = void_import_batch(session, org_id, import_id, reason, actor=actor, now=now, after=after, most=most)
        voided, after = voided + batch.voided, batch.following
        if after is None:
            break
    with transaction() as session:
        return Pressed(voided, find_start(session, org_id, import_id, now) is not None)
