"""The one URL map: every room's pages and API."""

from __future__ import annotations

from flask import Blueprint

from app.accounts.views import pages as accounts_pages
from app.admin.api import api as admin_api
from app.admin.org_pages import pages as admin_pages
from app.catalog.api import api as catalog_api
from app.metering.api import api as metering_api
from app.portal.api import api as portal_api
from app.portal.docs import docs as docs_pages
from app.portal.plan_pages import plans as plan_pages
from app.portal.usage_pages import usage as usage_pages
from app.portal.views import pages as portal_pages
from app.subscriptions.api import api as subscriptions_api
from app.web.api import Api

PAGES: list[Blueprint] = [accounts_pages, portal_pages, plan_pages, usage_pages, docs_pages, admin_pages]
APIS: list[Api] = [catalog_api, subscriptions_api, metering_api, portal_api, admin_api]
