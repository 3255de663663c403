"""The sandbox's clock bar: shows the business time and moves it, so that you can watch periods end and plans renew.

Production has no clock bar.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, request

from app.accounts.guards import caller
from app.kit.clock import OffsetClock
from app.kit.errors import InvalidRequest, NotFound
from app.kit.periods import month_of
from app.ops.clock import move
from app.ops.clock.mover import Stopped
from app.subscriptions.queries import find_current_period
from app.web.addresses import path_to
from app.web.database import session
from app.web.filters import day
from app.web.pages import flash_message, redirect_path, safe_path
from app.web.runtime import runtime

bar = Blueprint("sandbox", __name__)

SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
PERIOD = "period"
LIMIT_SECONDS = 60.0
"""How long a person waits for the page at most, give or take the last instant."""


@bar.post("/sandbox/clock")
def move_clock() -> Response:
    """Move the business clock forward by an hour, a day or a week, or to the end of the usage period.

    The page comes back when all that fell due on the way is done, or tells where the clock stopped.
    """
    clock = runtime().clocks.business
    if not runtime().settings.sandbox or not isinstance(clock, OffsetClock):
        raise NotFound("There is nothing at this address.")
    by = request.form.get("by", "")
    if by != PERIOD and by not in SPANS:
        raise InvalidRequest("The clock can move by an hour, a day or a week, or to the end of the period.")
    now = clock.now()
    _move(clock, _period_end(now) if by == PERIOD else now + SPANS[by])
    return redirect_path(safe_path(request.form.get("next")) or path_to("portal.home"))


def _move(clock: OffsetClock, target: datetime) -> None:
    try:
        moved = move.move_clock(clock, target, limit=LIMIT_SECONDS)
    except move.Moving:
        flash_message("warning", "The business clock is moving already. Wait until that is done, then press again.")
    except Stopped as stopped:
        flash_message("warning", f"The business clock stopped at {_words(stopped.at)}: {'; '.join(stopped.what)}.")
    else:
        flash_message("info", f"The business clock is now {_words(moved)}.")


def _words(at: datetime) -> str:
    return f"{day(at, plain=True)}, {at.astimezone(UTC):%H:%M} UTC"


def _period_end(now: datetime) -> datetime:
    """The end of the org's usage period, which is also a month of its plan; of the calendar month for a visitor."""
    org_id = caller().org_id
    running = find_current_period(session(), org_id, now) if org_id is not None else None
    return running.ends_at if running is not None else month_of(now, "UTC").end
