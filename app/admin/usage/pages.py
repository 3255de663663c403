"""Staff's page of usage and its files."""

from __future__ import annotations

from datetime import UTC

from flask import Response, request

from app.admin.analytics.more_pages import pages
from app.admin.analytics.pages import make_file
from app.admin.usage.files import FILES, iterate_file
from app.admin.usage.report import get_usage_report, get_users_report
from app.admin.usage.requests import UsageFilter, find_meter, parse_usage_filter
from app.admin.usage.users_view import build_users_view
from app.admin.usage.view import build_usage_view
from app.catalog import queries as catalog
from app.kit.errors import NotFound
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

__all__ = ["pages"]

_SHOWN = 10


@pages.get("/admin/analytics/usage")
def usage() -> Response:
    """All organisations' use of a meter: when, by what plan, provider or kind, through which endpoints."""
    meters = catalog.list_meters(session())
    if not meters:
        return render("admin/usage.html", view=None)
    meter, asked = find_meter(meters, request.args.get("meter")), _read_filter()
    report = get_usage_report(session(), meter, asked, _SHOWN)
    return render("admin/usage.html", view=build_usage_view(report, meters, business_now()))


@pages.get("/admin/analytics/usage/organisations")
def usage_orgs() -> Response:
    """Who uses a meter: active organisations and users, and the organisations that use most."""
    meters = catalog.list_meters(session())
    report = get_users_report(session(), find_meter(meters, request.args.get("meter")), _read_filter())
    return render("admin/usage_orgs.html", view=build_users_view(report, meters, business_now()))


@pages.get("/admin/analytics/usage/<name>.csv")
def usage_csv(name: str) -> Response:
    """One part of the page as CSV, with up to 200 values."""
    if name not in FILES:
        raise NotFound("There is no such file.")
    meter, asked = find_meter(catalog.list_meters(session()), request.args.get("meter")), _read_filter()
    return make_file(f"usage-{name}.csv", FILES[name][0], iterate_file(name, session(), meter, asked))


def _read_filter() -> UsageFilter:
    return parse_usage_filter(request.args, business_now().astimezone(UTC).date())
