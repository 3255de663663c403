"""Background tasks of accounts: hourly cleanup, and the daily seal of the sign-in log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from app.accounts.sign_in import log, login_throttle, sessions
from app.web.database import transaction
from app.web.runtime import wall_now


def sweep() -> None:
    """Delete expired sessions, and attempt windows that have ended."""
    now = wall_now()
    with transaction() as session:
        sessions.sweep(session, now)
        login_throttle.sweep(session, now)


def seal_sign_ins() -> None:
    """Seal yesterday's entries of the sign-in log (UTC)."""
    now = wall_now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with transaction() as session:
        log.seal(session, midnight - timedelta(days=1), midnight, now=now)


TASKS: dict[str, Callable[..., None]] = {"accounts.sweep": sweep, "accounts.seal_sign_ins": seal_sign_ins}
PERIODIC: list[tuple[str, str]] = [("17 * * * *", "accounts.sweep"), ("23 0 * * *", "accounts.seal_sign_ins")]
