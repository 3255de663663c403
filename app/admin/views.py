"""The staff's overview."""

from __future__ import annotations

from datetime import UTC, timedelta

from flask import Blueprint, Response

from app.admin import queries
from app.admin.analytics.overview import build_money_now
from app.admin.offline.view import get_overdue
from app.admin.overview import build_overview
from app.admin.owing import list_owing
from app.admin.usage.requests import last_days
from app.analytics.report import list_books
from app.metering.rollups.total_parts import TotalsQuestion, list_usage_parts
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now, wall_now

pages = Blueprint("admin", __name__)


@pages.get("/admin")
def index() -> Response:
    """Recurring revenue, who owes, usage of each meter, health of the installation."""
    now, wall = business_now(), wall_now()
    today = now.astimezone(UTC).date()
    counts = queries.get_health(session(), wall=wall, today=today, month_ago=now - timedelta(days=30))
    if not counts.meters:
        return render("admin/empty.html", counts=counts)
    days = last_days(today)
    usage = list_usage_parts(session(), TotalsQuestion(days.first, days.last))
    return render(
        "admin/overview.html",
        view=build_overview(days, usage, counts=counts, now=now, wall=wall),
        money=[build_money_now(book) for book in list_books(session(), now)],
        owing=list_owing(session(), now),
        ours=get_overdue(session(), now),
    )
