"""Staff pages of revenue: the report, the rows behind it, and both as files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flask import Response, request

from app.admin.analytics import files, rows
from app.admin.analytics.requests import parse_month, parse_report_filter
from app.admin.analytics.view import build_revenue_view
from app.admin.plan_moves.pages import pages
from app.analytics.months import MonthRange, month_at
from app.analytics.movements import KINDS
from app.analytics.report import CurrencyReport, ReportFilter, RevenueReport, get_report
from app.web import csv_export
from app.web.csv_export import Cell
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

__all__ = ["pages"]


@pages.get("/admin/analytics/revenue")
def revenue() -> Response:
    """MRR with its movements, ratios and plans, by currency."""
    now = business_now()
    report = get_report(session(), parse_report_filter(request.args, now), now)
    return render("admin/analytics/revenue.html", view=build_revenue_view(report, month_at(now)))


@pages.get("/admin/analytics/revenue.csv")
def revenue_csv() -> Response:
    """The report as CSV, a line for each month and currency."""
    now = business_now()
    report = get_report(session(), parse_report_filter(request.args, now), now)
    return make_file("revenue.csv", files.HEAD, files.iterate_revenue(report))


@pages.get("/admin/analytics/movements")
def revenue_rows() -> Response:
    """The organisations behind a month's figures."""
    report, each, kind = _read_rows()
    return render("admin/analytics/movements.html", view=rows.build_rows_view(report, each, kind))


@pages.get("/admin/analytics/movements.csv")
def revenue_rows_csv() -> Response:
    """The same as CSV, whole."""
    report, each, kind = _read_rows()
    return make_file("movements.csv", rows.FILE_HEAD, rows.iterate_file(report, each, kind))


def _read_rows() -> tuple[RevenueReport, CurrencyReport | None, str | None]:
    now = business_now()
    asked, kind = parse_report_filter(request.args, now), request.args.get("kind")
    month = min(parse_month(request.args.get("month")) or month_at(now), month_at(now))
    alone = ReportFilter(MonthRange(month, month), asked.plan, asked.currency, asked.org_id)
    report = get_report(session(), alone, now)
    return report, next(iter(report.currencies), None), kind if kind in KINDS else None


def make_file(name: str, head: Sequence[str], lines: Iterable[Sequence[Cell]]) -> Response:
    """A CSV to save, with a byte order mark for Excel if `bom` is asked for."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    body = "".join(csv_export.lines(head, lines, bom=bool(request.args.get("bom"))))
    return Response(body, content_type="text/csv; charset=utf-8", headers=headers)
