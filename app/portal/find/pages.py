"""The pages that every member of an organisation may open. Pure."""

from __future__ import annotations

from app.portal.shell.finding import PageLink

PAGES = (
    PageLink("Dashboard", "portal.dashboard", "home limits bars forecast"),
    PageLink("Usage", "usage.index", "analytics events chart export csv team endpoints"),
    PageLink("Verify usage", "proof.show", "proof count again check"),
    PageLink("Plans", "plans.index", "compare prices upgrade downgrade pricing"),
    PageLink("Billing", "billing.index", "payment card invoices history cancel"),
    PageLink("Statement of account", "statement.index", "balance payments owed"),
    PageLink("Usage charges", "invoices.usage", "overage lines explain bill"),
    PageLink("Late usage", "invoices.late", "late events billed afterwards"),
    PageLink("Plan receipt", "invoices.receipt", "terms agreed contract"),
    PageLink("Billing details", "accounts.billing_details", "address tax vat invoice mail"),
    PageLink("Organisation", "accounts.org_settings", "name time zone"),
    PageLink("Members", "accounts.members_page", "team invite roles people"),
    PageLink("API keys", "accounts.keys", "secret token"),
    PageLink("Clients", "accounts.clients_page", "your customers"),
)
PERSONAL = (
    PageLink("Profile", "accounts.settings", "settings email password theme name"),
    PageLink("Devices", "accounts.sessions", "sessions sign out browsers"),
)
HELP = (
    PageLink("Documentation", "docs.index", "help quick start guide"),
    PageLink("API reference", "docs.api", "calls endpoints openapi"),
    PageLink("Worked examples", "docs.examples", "prices calculation tiers"),
    PageLink("Error codes", "docs.problems", "problems refused 429 quota"),
)
