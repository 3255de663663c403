"""The page of the plan receipt."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import attrgetter
from uuid import UUID

from flask import Response

from app.accounts import guards
from app.accounts import queries as accounts
from app.kit.postgres.together import read_together
from app.portal.invoices.contract.comparison import list_contract_rows
from app.portal.invoices.contract.receipt import Agreement, build_receipt_view
from app.portal.invoices.invoice_views import invoices
from app.portal.invoices.lines import list_closed_periods
from app.portal.shell.people import get_org_id
from app.statements.offers import Offer, list_agreed
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
    agreement, offers = _load_agreement(org_id, who.time_zone, versions)
    rows = list_contract_rows(periods, offers, who.time_zone, lambda line_id: path_to("invoices.line", line_id=line_id))
    return render("invoices/receipt.html", view=build_receipt_view(agreement, rows) if agreement else None)


def _load_agreement(
    org_id: UUID, zone: str, versions: Collection[UUID]
) -> tuple[Agreement | None, Mapping[UUID, Offer]]:
    """What the org is on (None before a catalogue is applied), and it and other versions by id."""
    in_force = subscriptions.select_plan_in_force(org_id, business_now())
    held, orgs, [(version_id,)] = read_together(
        session(), subscriptions.select_subscription(org_id), accounts.select_org(org_id), in_force
    )
    if version_id is None:
        return None, {}
    current, [org] = held[0] if held else None, orgs
    paid_id = current.plan_version_id if current and current.usage_version_id else None
    found = list_agreed(session(), version_id, [*versions, *([paid_id] if paid_id else [])])
    offers = {offer.version_id: offer for offer in found}
    agreed = offers[version_id]
    today = max((offer for offer in found if offer.key == agreed.key), key=attrgetter("number"))
    currency = (current.currency if current else None) or org.currency or "USD"
    interval = (current.interval if current else None) or "month"
    since = current.started_at if current else org.created_at
    paid = offers[paid_id] if paid_id else None
    return Agreement(agreed, today, currency, interval, since, zone, paid), offers
