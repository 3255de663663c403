"""Find: pages, plans and the organisation's own invoices."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, request

from app.accounts import guards
from app.invoices.offline.queries import search_by_number
from app.payments.queries import search_invoices_by_number
from app.portal.find.pages import HELP, PAGES, PERSONAL
from app.portal.shell.finding import MOST_FOUND, Found, build_find_view, find_pages, matches, parse_words
from app.portal.shell.people import get_org_id
from app.statements.offers import list_offers
from app.web.addresses import path_to
from app.web.database import session
from app.web.pages import render

find = Blueprint("find", __name__)


@find.get("/find")
def index() -> Response:
    """What matches the words in `q`; without any, every page."""
    who, words = guards.caller(), parse_words(request.args)
    pages = (*PAGES, *(() if who.viewing else PERSONAL), *HELP)
    groups = {
        "Pages": find_pages(pages, words),
        "Plans": _find_plans(words) if words else [],
        "Invoices": _find_invoices(words) if words else [],
    }
    return render("find/find.html", fragments=("found",), view=build_find_view(words, groups))


def _find_plans(words: str) -> Sequence[Found]:
    found = [offer for offer in list_offers(session()) if matches(words, offer.name, "plan")]
    return [Found(offer.name, path_to("plans.choose", key=offer.key), offer.summary) for offer in found[:MOST_FOUND]]


def _find_invoices(words: str) -> Sequence[Found]:
    org = get_org_id(guards.caller())
    ours = [(row.number, str(row.invoice_id)) for row in search_by_number(session(), org, words, MOST_FOUND)]
    theirs = [(row.number or "", row.id) for row in search_invoices_by_number(session(), org, words, MOST_FOUND)]
    return [Found(number, path_to("invoices.invoice", invoice_id=key)) for number, key in [*ours, *theirs][:MOST_FOUND]]
