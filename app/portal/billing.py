"""The billing pages: one blueprint, a module a page family."""

from app.portal import billing_pages, billing_plan_pages, billing_return_pages
from app.portal.billing_doors import billing

__all__ = ["billing", "billing_pages", "billing_plan_pages", "billing_return_pages"]
