"""The roles of members and the scopes of keys, with the descriptions that pages show."""

from __future__ import annotations

OWNER = "owner"
ADMIN = "admin"
BILLING = "billing"
MEMBER = "member"
VIEWER = "viewer"

MANAGERS = frozenset({OWNER, ADMIN})
"""Roles that may change members, keys and settings."""
PLAN_MANAGERS = frozenset({OWNER, ADMIN, BILLING})
"""Roles that may change the plan and are told about its payments."""
CLIENT_KEEPERS = frozenset({OWNER, ADMIN, MEMBER})
"""Roles that may change clients."""

ROLES: dict[str, str] = {
    OWNER: "Full access, including appointing owners.",
    ADMIN: "Manages members, API keys, clients and settings. Can see bills.",
    BILLING: "Manages plans, payment methods and invoices. Can see usage.",
    MEMBER: "Works with usage and clients. Can see remaining allowances.",
    VIEWER: "Can see usage and bills, but not change anything.",
}

ROLE_ROWS: list[tuple[str, str]] = [(role.capitalize(), description) for role, description in ROLES.items()]

ORG_SCOPES: dict[str, str] = {
    "usage:write": "Report usage and check whether it is allowed",
    "usage:read": "Read usage, limits and analytics",
    "billing:read": "Read the plan, invoices and billing history",
    "billing:write": "Change the plan and payment method",
}

STAFF_SCOPES: dict[str, str] = {
    "admin:read": "Read every organisation's usage and bills",
    "admin:write": "Change every organisation's plan, overrides, invoices, credits and refunds, and void its usage",
    "usage:correct": "Void recorded usage of every organisation",
}


def may_assign_role(assigner_role: str, role: str) -> bool:
    """Whether a member with `assigner_role` may give or remove `role`: owners any, admins all but owner."""
    return assigner_role == OWNER or (assigner_role == ADMIN and role != OWNER)
