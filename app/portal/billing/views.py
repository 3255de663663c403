"""The billing pages: one blueprint, a module a page family."""

from app.portal.billing import overview_pages, plan_pages, return_pages
from app.portal.billing.blueprint import billing

__all__ = ["billing", "overview_pages", "plan_pages", "return_pages"]
