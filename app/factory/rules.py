"""Access rules for routes. A rule says who is allowed; the table in `access` assigns rules to routes."""

from __future__ import annotations

from dataclasses import dataclass

from app.accounts import roles


@dataclass(frozen=True)
class Rule:
    """`kind` is public, signed_in, role, staff, key or operator."""

    kind: str
    roles: frozenset[str] = frozenset()
    scope: str | None = None


PUBLIC = Rule("public")
SIGNED_IN = Rule("signed_in")
VIEWER = Rule("role", frozenset(roles.ROLES))
MEMBER = Rule("role", frozenset({roles.OWNER, roles.ADMIN, roles.MEMBER}))
BILLING = Rule("role", roles.PLAN_MANAGERS)
ADMIN = Rule("role", frozenset({roles.OWNER, roles.ADMIN}))
STAFF = Rule("staff")
OPERATOR = Rule("operator")


def key(scope: str) -> Rule:
    """Require an API key with this scope."""
    return Rule("key", scope=scope)
