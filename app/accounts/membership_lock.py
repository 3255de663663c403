"""One lock on an org's membership: acts of its members and changes of who they are take turns.

It is taken before any other row, so that whoever reads a role under it acts before that role is taken away, or sees
that it was.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_SEED = 20261129  # differs from the seeds of the usage and payments locks, so they never conflict
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:id AS text), :seed))")


def lock_membership(session: Session, org_id: UUID | None, user_id: UUID | None = None) -> None:
    """Take the lock of an org and of a user, in this order, until the transaction ends. Re-entrant.

    A user's own acts take turns too: two devices may sign each other out.
    """
    for locked in (org_id, user_id):
        if locked is not None:
            session.execute(_LOCK, {"id": str(locked), "seed": _SEED})
