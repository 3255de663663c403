"""Access rules for routes. A rule says who is allowed; the table in `access` assigns rules to routes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.accounts import roles


@dataclass(frozen=True)
class Rule:
    """`kind` is public, signed_in, role, staff, key or operator.

    `fresh_page` is set where the password must have been entered in the last ten minutes: the endpoint of the page with
    the form, to which people return once they have entered it.
    """

    kind: str
    roles: frozenset[str] = frozenset()
    scope: str | None = None
    fresh_page: str | None = None

    def fresh(self, page: str) -> Rule:
        """The same rule, for a fresh sign-in only; `page` has the form."""
        return replace(self, fresh_page=page)


PUBLIC = Rule("public")
SIGNED_IN = Rule("signed_in")
VIEWER = Rule("role", frozenset(roles.ROLES))
MEMBER = Rule("role", roles.CLIENT_KEEPERS)
BILLING = Rule("role", roles.PLAN_MANAGERS)
ADMIN = Rule("role", roles.MANAGERS)
STAFF = Rule("staff")
OPERATOR = Rule("operator")


def key(scope: str) -> Rule:
    """Require an API key with this scope."""
    return Rule("key", scope=scope)
