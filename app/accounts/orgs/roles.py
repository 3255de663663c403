"""The roles of a member and the scopes of a key, each with the plain sentence that pages show."""

from __future__ import annotations

OWNER = "owner"
ADMIN = "admin"
BILLING = "billing"
MEMBER = "member"
VIEWER = "viewer"

ROLES: dict[str, str] = {
    OWNER: "Everything, also deleting the organisation and naming other owners.",
    ADMIN: "Members, API keys, clients and settings; sees bills.",
    BILLING: "Plans, payment methods and invoices; sees usage.",
    MEMBER: "Works with usage and jobs; sees what is left.",
    VIEWER: "Sees usage and bills, changes nothing.",
}

ROLE_ROWS: list[tuple[str, str]] = [(role.capitalize(), words) for role, words in ROLES.items()]

ORG_SCOPES: dict[str, str] = {
    "usage:write": "Report usage and ask whether it is allowed",
    "usage:read": "Read usage, limits and analytics",
    "jobs:write": "Start, complete and cancel jobs",
    "billing:read": "Read plan, invoices and billing history",
    "billing:write": "Change plan and payment method",
}

STAFF_SCOPES: dict[str, str] = {
    "admin:read": "Read every organisation, its usage and its bills",
    "admin:write": "Change plans, overrides, credits and refunds of every organisation",
}


def may_give(giver: str, role: str) -> bool:
    """Whether a member with role `giver` may give or take `role`: owners all, admins all but owner, others none."""
    return giver == OWNER or (giver == ADMIN and role != OWNER)
