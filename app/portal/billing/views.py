"""The billing blueprint with all its pages registered."""

from app.portal.billing import overage_pages, overview_pages, return_pages
from app.portal.billing.blueprint import billing
from app.portal.billing.plan import plan_pages, planned_pages

__all__ = ["billing", "overage_pages", "overview_pages", "plan_pages", "planned_pages", "return_pages"]
