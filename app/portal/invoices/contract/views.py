"""The page of the plan receipt."""

from __future__ import annotations

from uuid import UUID

from flask import Response

from app.accounts import guards
from app.accounts import queries as accounts
from app.catalog import queries as catalog
from app.kit.errors import NotFound
from app.portal.invoices.contract.comparison import list_contract_rows
from app.portal.invoices.contract.receipt import Agreement, build_receipt_view
from app.portal.invoices.invoice_views import invoices
from app.portal.invoices.lines import list_closed_periods
from app.portal.shell.people import get_org_id
from app.statements.offers import Offer, list_offers
from app.subscriptions import queries as subscriptions
from app.web.addresses import path_to
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

__all__ = ["invoices"]  # the URL map imports the blueprint from here, so that this page is registered too
_PERIODS = 6


@invoices.get("/receipt")
def receipt() -> Response:
    """The terms as agreed, today's beside them, and the last closed periods: billed as agreed, or why not."""
    who = guards.caller()
    org_id = get_org_id(who)
    periods = list_closed_periods(session(), org_id, None, _PERIODS)
    versions = {line.row.plan_version_id for period in periods for line in period.lines}
    agreement = _load_agreement(org_id, who.time_zone)
    offers = {version: _get_offer(version) for version in versions}
    rows = list_contract_rows(periods, offers, who.time_zone, lambda line_id: path_to("invoices.line", line_id=line_id))
    return render("invoices/receipt.html", view=build_receipt_view(agreement, rows) if agreement else None)


def _load_agreement(org_id: UUID, zone: str) -> Agreement | None:
    """What the org is on; None before a catalogue is applied."""
    current, org = subscriptions.find_subscription(session(), org_id), accounts.get_org(session(), org_id)
    if catalog.find_default_version_id(session()) is None:
        return None
    agreed = _get_offer(subscriptions.get_plan_in_force(session(), org_id, business_now()))
    paid = _get_offer(current.plan_version_id) if current and current.usage_version_id else None
    newest = catalog.find_newest_version(session(), agreed.key)
    currency = (current.currency if current else None) or org.currency or "USD"
    interval = (current.interval if current else None) or "month"
    since = current.started_at if current else org.created_at
    return Agreement(agreed, _get_offer(newest.id) if newest else agreed, currency, interval, since, zone, paid)


def _get_offer(version_id: UUID) -> Offer:
    found = next((offer for offer in list_offers(session(), version_id) if offer.version_id == version_id), None)
    if found is None:
        raise NotFound("There is no such plan.")
    return found
