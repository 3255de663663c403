"""The staff's overview."""

from __future__ import annotations

from datetime import UTC, timedelta

from flask import Blueprint, Response, request

from app.admin import queries
from app.admin.analytics.overview import build_money_now
from app.admin.offline.view import get_overdue
from app.admin.overview import build_overview, parse_days
from app.admin.owing import list_owing
from app.analytics.report import list_books
from app.catalog import queries as catalog
from app.kit.errors import NotFound
from app.metering.rollups import reports
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now, wall_now

pages = Blueprint("admin", __name__)

_TOP = 10


@pages.get("/admin")
def index() -> Response:
    """Who owes; usage by day, plan and kind; the top organisations; health of the installation."""
    now, wall = business_now(), wall_now()
    today = now.astimezone(UTC).date()
    meters = catalog.list_meters(session())
    days = parse_days(request.args, today)
    counts = queries.get_health(session(), wall=wall, today=today, month_ago=now - timedelta(days=30))
    if not meters:
        return render("admin/empty.html", counts=counts)
    wanted = request.args.get("meter")
    meter = next((meter for meter in meters if meter.key == wanted), None) if wanted else meters[0]
    if meter is None:
        raise NotFound("There is no such meter.")
    view = build_overview(
        days,
        meter,
        meters,
        by_day=reports.list_daily_totals(session(), days.start, days.end),
        shares=queries.list_shares(session(), meter, days.start, days.end),
        top=reports.list_top_orgs_of_days(session(), days.start, days.end, meter.id, _TOP),
        counts=counts,
        now=now,
        wall=wall,
    )
    return render(
        "admin/overview.html",
        view=view,
        money=[build_money_now(book) for book in list_books(session(), now)],
        owing=list_owing(session(), now),
        ours=get_overdue(session(), now),
    )
