"""The URL map: every room's pages and API."""

from __future__ import annotations

from flask import Blueprint

from app.accounts.views import pages as accounts_pages
from app.admin.audit_log.api import api as admin_api
from app.admin.find.pages import pages as admin_pages
from app.catalog.api import api as catalog_api
from app.metering.corrections.api import api as metering_api
from app.ops.clock_bar import bar as sandbox_bar
from app.payments.overage_api import api as payments_api
from app.payments.webhooks.views import webhooks
from app.portal.account_statement.api import api as statement_api
from app.portal.account_statement.pages import statement as statement_pages
from app.portal.billing.api import api as billing_api
from app.portal.billing.views import billing
from app.portal.dashboard.views import pages as portal_pages
from app.portal.docs.views import docs as docs_pages
from app.portal.find.views import find as find_pages
from app.portal.invoices.focus.api import api as invoices_api
from app.portal.invoices.focus.pages import invoices as invoice_pages
from app.portal.plans.api import api as plans_api
from app.portal.plans.views import plans as plan_pages
from app.portal.proof.api import api as portal_api
from app.portal.proof.views import proof as proof_pages
from app.portal.usage.views import usage as usage_pages
from app.subscriptions.api import api as subscriptions_api
from app.web.api import Api

PAGES: list[Blueprint] = [
    accounts_pages, portal_pages, plan_pages, usage_pages, billing, statement_pages, invoice_pages, proof_pages,
    find_pages, docs_pages, admin_pages, webhooks, sandbox_bar,
]  # fmt: skip
# Called by programs, which send no cookies and so no CSRF token.
MACHINES: list[Blueprint] = [webhooks]
APIS: list[Api] = [
    catalog_api,
    subscriptions_api,
    metering_api,
    payments_api,
    statement_api,
    billing_api,
    invoices_api,
    plans_api,
    portal_api,
    admin_api,
]
