"""Access rules for routes. A rule says who is allowed; the table in `access` assigns rules to routes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.accounts import roles


@dataclass(frozen=True)
class Rule:
    """`kind` is public, signed_in, role, staff, key or operator.

    `fresh_page` is set where the password must have been entered in the last ten minutes: the endpoint of the page with
    the form, to which people return once they have entered it. `viewing` says whether staff may use the route while
    they view an org's pages; None: what a viewer of the org may read, and what is public.
    """

    kind: str
    roles: frozenset[str] = frozenset()
    scope: str | None = None
    fresh_page: str | None = None
    viewing: bool | None = None

    def fresh(self, page: str) -> Rule:
        """The same rule, for a fresh sign-in only; `page` has the form."""
        return replace(self, fresh_page=page)

    def while_viewing(self, allowed: bool) -> Rule:
        """The same rule, which says of itself whether it holds while staff view an org's pages."""
        return replace(self, viewing=allowed)

    def admits_viewing(self, *, safe: bool) -> bool:
        """Whether a request with a safe method, or another one, is answered while staff view an org's pages."""
        if self.viewing is not None:
            return self.viewing
        return safe and (self.kind == "public" or (self.kind == "role" and roles.VIEWER in self.roles))


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
