"""Staff pages of cohorts, of the organisations that bring most, and of who is past due, each with its file."""

from __future__ import annotations

from flask import Response, request

from app.admin.analytics.cohort_view import FILE_HEAD, build_cohorts_view, iterate_cohorts
from app.admin.analytics.pages import make_file, pages
from app.admin.analytics.past_due import FILE_HEAD as WORK_HEAD
from app.admin.analytics.past_due import build_work_view, iterate_work, list_work
from app.admin.analytics.requests import parse_report_filter
from app.admin.analytics.top import FILE_HEAD as TOP_HEAD
from app.admin.analytics.top import build_top_view, iterate_top
from app.analytics.cohort_report import CurrencyCohorts, get_cohorts
from app.analytics.months import month_at
from app.analytics.report import RevenueReport, get_report
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

__all__ = ["pages"]


@pages.get("/admin/analytics/cohorts")
def cohorts() -> Response:
    """Organisations by the month of their first payment, and what is left of them."""
    report, found = _read_cohorts()
    view = build_cohorts_view(report, found, month_at(business_now()))
    return render("admin/analytics/cohorts.html", view=view)


@pages.get("/admin/analytics/cohorts.csv")
def cohorts_csv() -> Response:
    """The same as CSV."""
    _, found = _read_cohorts()
    return make_file("cohorts.csv", FILE_HEAD, iterate_cohorts(found))


@pages.get("/admin/analytics/top")
def top_orgs() -> Response:
    """The organisations that bring most, by currency."""
    return render("admin/analytics/top.html", view=build_top_view(_read_report(), month_at(business_now())))


@pages.get("/admin/analytics/top.csv")
def top_orgs_csv() -> Response:
    """The same as CSV, whole."""
    return make_file("top.csv", TOP_HEAD, iterate_top(_read_report()))


@pages.get("/admin/analytics/past-due")
def past_due() -> Response:
    """Who is past due, the longest first."""
    now = business_now()
    return render("admin/analytics/past_due.html", view=build_work_view(list_work(session(), now), now))


@pages.get("/admin/analytics/past-due.csv")
def past_due_csv() -> Response:
    """The same as CSV."""
    return make_file("past-due.csv", WORK_HEAD, iterate_work(list_work(session(), business_now())))


def _read_report() -> RevenueReport:
    now = business_now()
    return get_report(session(), parse_report_filter(request.args, now), now)


def _read_cohorts() -> tuple[RevenueReport, list[CurrencyCohorts]]:
    report = _read_report()
    return report, get_cohorts(session(), report, business_now())
