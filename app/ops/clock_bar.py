"""The sandbox's clock bar: shows the business time and moves it, so that you can watch periods end and plans renew.

The Stripe sandbox reads the same file and moves along. Production has no clock bar.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, request

from app.accounts.guards import caller
from app.kit.clock import OffsetClock
from app.kit.errors import InvalidRequest, NotFound
from app.kit.periods import month_of
from app.metering.partitions import ensure_partitions
from app.subscriptions.queries import current_period
from app.web.addresses import path_to
from app.web.database import session
from app.web.filters import day
from app.web.pages import flash_message, redirect_path, safe_path
from app.web.runtime import runtime

bar = Blueprint("sandbox", __name__)

SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
PERIOD = "period"


@bar.post("/sandbox/clock")
def move_clock() -> Response:
    """Move the business clock forward by an hour, a day or a week, or to the end of the usage period."""
    clock = runtime().clocks.business
    if not runtime().settings.sandbox or not isinstance(clock, OffsetClock):
        raise NotFound("There is nothing at this address.")
    by = request.form.get("by", "")
    if by != PERIOD and by not in SPANS:
        raise InvalidRequest("The clock can move by an hour, a day or a week, or to the end of the period.")
    now = clock.now()
    moved = clock.advance(_period_end(now) - now if by == PERIOD else SPANS[by])
    ensure_partitions()  # the new month's partition cannot wait for tomorrow's sweep
    flash_message("info", f"The business clock is now {day(moved, plain=True)}, {moved.astimezone(UTC):%H:%M} UTC.")
    return redirect_path(safe_path(request.form.get("next")) or path_to("portal.home"))


def _period_end(now: datetime) -> datetime:
    """The end of the org's usage period, which is also a month of its plan; of the calendar month for a visitor."""
    org_id = caller().org_id
    running = current_period(session(), org_id, now) if org_id is not None else None
    return running.ends_at if running is not None else month_of(now, "UTC").end
