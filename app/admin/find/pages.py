"""Find for staff: organisations, plans, our invoices, pages."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, request

from app.admin.orgs.search import OrgSearch, find_orgs
from app.admin.orgs.view_pages import pages
from app.admin.queries import list_offers
from app.invoices.offline.queries import find_by_number
from app.portal.shell.finding import MOST_FOUND, Found, PageLink, build_find_view, find_pages, matches, parse_words
from app.web.addresses import path_to
from app.web.database import session
from app.web.pages import render

__all__ = ["pages"]  # the factory imports the blueprint from here, once all its routes are registered

PAGES = (
    PageLink("Overview", "admin.index", "home health queue usage"),
    PageLink("Revenue", "admin.revenue", "mrr churn movements analytics"),
    PageLink("Cohorts", "admin.cohorts", "retention analytics"),
    PageLink("Past due", "admin.past_due", "owed late failed payments dunning"),
    PageLink("Usage", "admin.usage", "analytics meters plans providers hours endpoints"),
    PageLink("Active organisations", "admin.usage_orgs", "usage users analytics"),
    PageLink("Top organisations", "admin.top_orgs", "largest revenue analytics"),
    PageLink("Organisations", "admin.orgs", "customers accounts"),
    PageLink("Plans", "admin.plans", "catalogue versions prices"),
    PageLink("Draft of a plan", "admin.plan_draft", "publish change price limit"),
    PageLink("Billing runs", "admin.billing_runs", "closes periods"),
    PageLink("Rehearsal", "admin.rehearsal", "next close preview"),
    PageLink("Our invoices", "admin.invoices", "offline bank transfer"),
    PageLink("Stripe inbox", "admin.inbox_events", "webhooks replay events"),
    PageLink("Tasks", "admin.tasks", "queue retry jobs"),
    PageLink("Mail", "admin.outbox", "sent emails"),
    PageLink("Audit log", "admin.audit_log", "who did what changes"),
)


@pages.get("/admin/find")
def find() -> Response:
    """What matches the words in `q`; without any, every page of the staff."""
    words = parse_words(request.args)
    groups = {
        "Organisations": _find_orgs(words) if words else [],
        "Invoices": _find_invoices(words) if words else [],
        "Plans": _find_plans(words) if words else [],
        "Pages": find_pages(PAGES, words),
    }
    return render("admin/find.html", fragments=("found",), view=build_find_view(words, groups))


def _find_orgs(words: str) -> Sequence[Found]:
    rows = find_orgs(session(), OrgSearch(words), limit=MOST_FOUND).rows
    return [Found(row.name, path_to("admin.org", org_id=row.id), row.owner or "") for row in rows]


def _find_plans(words: str) -> Sequence[Found]:
    names = {row.key: row.name for row in list_offers(session())}
    found = [(key, name) for key, name in names.items() if matches(words, name, key, "plan")]
    return [Found(name, path_to("admin.plan", key=key)) for key, name in found[:MOST_FOUND]]


def _find_invoices(words: str) -> Sequence[Found]:
    row = find_by_number(session(), words.upper())
    return [Found(row.number, path_to("admin.invoice", invoice_id=row.invoice_id))] if row else []
