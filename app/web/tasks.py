"""Background tasks of the web plumbing: deletes stored answers after a day."""

from __future__ import annotations

from collections.abc import Callable

from app.web import idempotency
from app.web.database import transaction
from app.web.runtime import wall_now


def purge() -> None:
    """Delete the idempotency keys that are past replaying."""
    with transaction() as session:
        idempotency.purge(session, wall_now())


TASKS: dict[str, Callable[..., None]] = {"web.purge": purge}
PERIODIC: list[tuple[str, str]] = [("37 * * * *", "web.purge")]
