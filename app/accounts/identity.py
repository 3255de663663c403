"""The caller of a request: one immutable value for pages and API alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flask import g, has_request_context, request

from app.kit.actor import Actor

FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Viewing:
    """Staff's look at an org's own pages, read-only. `over`: it has ended, and nothing is shown by it any more."""

    id: UUID
    org_id: UUID
    ends_at: datetime
    over: bool = False


@dataclass(frozen=True, slots=True)
class OrgChoice:
    """An org that the user can switch to."""

    id: UUID
    name: str
    role: str


ORG_CHOICES_SQL = """
SELECT org.id, org.name, mine.role FROM memberships mine JOIN orgs org ON org.id = mine.org_id
WHERE mine.user_id = {user} AND org.deleted_at IS NULL
ORDER BY mine.chosen_at DESC NULLS LAST, mine.created_at, org.id
"""
"""The orgs that a user can switch to, the one chosen last first."""


@dataclass(frozen=True, slots=True)
class Caller:
    """`kind` is visitor, user, key or staff_key. `org_id` is the org that the request is about, if any.

    `role` is the user's role in that org; `scopes` are a key's. `verified` means that the user's email address is
    confirmed. `time_zone` and `currency` are the org's; `orgs` are all that
    the user can switch to. With `viewing`, one of the staff looks at the org's pages as a
    viewer of it: until then they are not `staff`.
    """

    kind: str
    user_id: UUID | None = None
    org_id: UUID | None = None
    role: str | None = None
    scopes: frozenset[str] = frozenset()
    staff: bool = False
    staff_owner: bool = False
    verified: bool = False
    suspended: bool = False
    email: str | None = None
    name: str | None = None
    org_name: str | None = None
    time_zone: str = "UTC"
    currency: str | None = None
    theme: str = "system"
    session_id: UUID | None = None
    key_id: UUID | None = None
    authenticated_at: datetime | None = None
    orgs: tuple[OrgChoice, ...] = ()
    viewing: Viewing | None = None

    @property
    def actor(self) -> Actor:
        """The caller as recorded in audit entries, with the request's id and address if there is a request."""
        in_request = has_request_context()
        return Actor(
            kind="staff" if self.kind == "staff_key" or self.viewing else self.kind,
            id=self.user_id or self.key_id,
            acting_for=self.viewing.org_id if self.viewing else self.org_id if self.kind == "staff_key" else None,
            request_id=g.get("request_id") if in_request else None,
            address=request.remote_addr if in_request else None,
        )

    def is_fresh(self, now: datetime) -> bool:
        """Whether the password was entered in this session in the last ten minutes."""
        return self.authenticated_at is not None and now - self.authenticated_at < FRESH


VISITOR = Caller("visitor")


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Where a browser's request comes from, as recorded in the sign-in log and the list of devices."""

    address: str | None = None
    agent: str | None = None
    request_id: str | None = None


def request_origin() -> RequestOrigin:
    """The origin of the current request."""
    agent = request.headers.get("User-Agent", "")[:400].replace("\x00", "")
    return RequestOrigin(address=request.remote_addr, agent=agent or None, request_id=g.get("request_id"))
