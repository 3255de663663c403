"""Staff page with an organisation's statement of account: what the organisation itself sees, without its files."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.accounts import queries as accounts
from app.accounts.reads import VIEWED, audit_read
from app.admin.actors import actor_for
from app.admin.billing_runs.proof import pages
from app.kit.errors import InvalidRequest
from app.portal.account_statement.account import StatementSpan
from app.portal.account_statement.queries import get_statement
from app.portal.account_statement.requests import parse_span, read_days
from app.portal.account_statement.view import StatementView, build_statement_view, build_trouble_view
from app.web.addresses import path_to
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

__all__ = ["pages"]  # `billing_runs.rehearsal_pages` imports the blueprint from here, once this route is registered


@pages.get("/admin/orgs/<uuid:org_id>/statement")
def org_statement(org_id: UUID) -> Response:
    """Opening balance, movements and closing balance of the days asked for. The look is audited."""
    org = accounts.get_org(session(), org_id)
    name, view = org.name, _build_view(org_id, org.time_zone)
    audit_read(actor_for(org_id), VIEWED, org_id)
    return render("admin/statement.html", status=400 if view.trouble else 200, view=view, org_id=org_id, name=name)


def _build_view(org_id: UUID, zone: str) -> StatementView:
    now = business_now()

    def address(span: StatementSpan, file: str = "") -> str:  # noqa: ARG001  (there are no files for staff)
        return path_to("admin.org_statement", org_id=org_id, **_write_days(span))

    try:
        found = get_statement(session(), org_id, parse_span(request.args, zone, now))
    except InvalidRequest as trouble:
        return build_trouble_view(zone, trouble.detail, read_days(request.args), address, now)
    return build_statement_view(found, address, {}, now)


def _write_days(span: StatementSpan) -> dict[str, str]:
    return {"from": span.first.isoformat(), "to": span.last.isoformat()}
