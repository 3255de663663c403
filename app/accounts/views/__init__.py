"""The pages of accounts: one blueprint, one module per group of pages."""

from app.accounts.views import (
    billing_details,
    clients,
    invitation,
    keys,
    members,
    org,
    recovery,
    settings,
    sign_in,
    sign_up,
    verify,
    viewing,
)
from app.accounts.views.blueprint import pages

__all__ = [
    "billing_details",
    "clients",
    "invitation",
    "keys",
    "members",
    "org",
    "pages",
    "recovery",
    "settings",
    "sign_in",
    "sign_up",
    "verify",
    "viewing",
]
