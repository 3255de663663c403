"""Access rules for routes. A rule says who is allowed; the table in `access` assigns rules to routes."""

from __future__ import annotations

from dataclasses import dataclass

ROLES = ("owner", "admin", "billing", "member", "viewer")


@dataclass(frozen=True)
class Rule:
    """`kind` is public, signed_in, role, staff, key or operator."""

    kind: str
    roles: frozenset[str] = frozenset()
    scope: str | None = None


PUBLIC = Rule("public")
SIGNED_IN = Rule("signed_in")
VIEWER = Rule("role", frozenset(ROLES))
MEMBER = Rule("role", frozenset({"owner", "admin", "member"}))
BILLING = Rule("role", frozenset({"owner", "admin", "billing"}))
ADMIN = Rule("role", frozenset({"owner", "admin"}))
STAFF = Rule("staff")
OPERATOR = Rule("operator")


def key(scope: str) -> Rule:
    """Require an API key with this scope."""
    return Rule("key", scope=scope)
