"""Background tasks of accounts: hourly cleanup, and the seals of the sign-in log for closed days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from app.accounts.sign_in import log, login_throttle, sessions, viewing
from app.web.database import session, transaction
from app.web.runtime import wall_now


def sweep() -> None:
    """Delete expired sessions, close views that are over, and delete attempt windows that have ended."""
    now = wall_now()
    with transaction() as open_session:
        sessions.sweep(open_session, now)
        viewing.sweep_views(open_session, now)
        login_throttle.sweep(open_session, now)


def seal_sign_ins() -> None:
    """Seal every day (UTC) of the sign-in log that has closed since the last seal, however long nobody did."""
    now = wall_now()
    for day in log.list_unsealed_days(session(), midnight_before(now)):
        with transaction() as open_session:
            log.seal(open_session, day, day + log.DAY, now=now)


def midnight_before(now: datetime) -> datetime:
    """The beginning of the day in UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


TASKS: dict[str, Callable[..., None]] = {"accounts.sweep": sweep, "accounts.seal_sign_ins": seal_sign_ins}
PERIODIC: list[tuple[str, str]] = [("17 * * * *", "accounts.sweep"), ("23 * * * *", "accounts.seal_sign_ins")]
