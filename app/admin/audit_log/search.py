"""What staff search for in the audit log: which chain, and which of its entries."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.queries import find_user_by_email
from app.admin.orgs.search import OrgSearch, find_orgs
from app.admin.queries import list_org_names
from app.audit.queries import EntryFilter, FoundEntries, search_entries
from app.kit.ids import parse_id

MOST_CHOICES = 10
KINDS = ("user", "key", "staff", "system", "visitor")
"""The kinds of actors, as `kit.actor.Actor` names them."""

_NAMES = text("""
SELECT id, name FROM accounts_users WHERE id = ANY (:ids)
UNION ALL SELECT id, name FROM accounts_api_keys WHERE id = ANY (:ids)
""")


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain with its name: an organisation's, or the installation's if `org_id` is None."""

    org_id: UUID | None
    name: str


INSTALLATION = Chain(None, "Installation")


@dataclass(frozen=True, slots=True)
class Search:
    """The fields of the search as they were filled in; empty if they were not."""

    org: str = ""
    action: str = ""
    actor: str = ""
    object: str = ""

    def on(self, chain: Chain) -> dict[str, Any]:
        """The query string of the same search in a chain."""
        org = str(chain.org_id) if chain.org_id else None
        return {"org": org, "action": self.action or None, "actor": self.actor or None, "object": self.object or None}

    @property
    def filters(self) -> bool:
        """Whether it leaves entries out."""
        return bool(self.action or self.actor or self.object)


def parse_search(given: Mapping[str, str]) -> Search:
    """Parse the query string; anything can be searched for."""
    names = ("org", "action", "actor", "object")
    return Search(*(given.get(name, "").replace("\x00", "").strip()[:200] for name in names))


def find_chains(session: Session, org: str) -> list[Chain]:
    """The chains that an id or part of a name may mean, `MOST_CHOICES` at most; the installation's if it is empty.

    A deleted organisation is found by its id only.
    """
    if not org:
        return [INSTALLATION]
    if org_id := parse_id(org):
        return [Chain(found, name) for found, name in list_org_names(session, [org_id]).items()]
    return [Chain(row.id, row.name) for row in find_orgs(session, OrgSearch(org), limit=MOST_CHOICES).rows]


def find_entries(
    session: Session, chain: Chain, search: Search, *, limit: int, below: int | None = None
) -> FoundEntries:
    """A page of the chain's entries that match; none if nobody is the actor."""
    filters = _build_filter(session, search)
    if filters is None:
        return FoundEntries([], None)
    return search_entries(session, chain.org_id, filters, limit=limit, below=below)


def list_actor_names(session: Session, ids: Collection[UUID | None]) -> dict[UUID, str]:
    """The names of users and API keys by id; what has been erased has none."""
    known = list({each for each in ids if each is not None})
    return {row.id: row.name for row in session.execute(_NAMES, {"ids": known})} if known else {}


def _build_filter(session: Session, search: Search) -> EntryFilter | None:
    """None if the actor is not an id, a kind of actor or a user's email address."""
    filters = EntryFilter(action=search.action or None, object=search.object or None)
    if not search.actor:
        return filters
    if actor_id := parse_id(search.actor):
        return replace(filters, actor_id=actor_id)
    if search.actor.lower() in KINDS:
        return replace(filters, actor_kind=search.actor.lower())
    user = find_user_by_email(session, search.actor.lower()) if "@" in search.actor else None
    return replace(filters, actor_id=user.id) if user else None
