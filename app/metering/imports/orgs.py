"""The orgs that an import's lines name, by id or by name; missing ones are made when told to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.orgs.service import create_org
from app.kit.actor import Actor
from app.kit.ids import parse_id

MAX_NAME = 200

# Two imports at once must not both make an org of one name.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('usage import orgs', 0))")
_FIND = text("""
    SELECT asked.name, min(o.id::text)::uuid AS id, count(*) AS found
    FROM unnest(CAST(:names AS text[])) AS asked (name)
    JOIN accounts_orgs o ON o.name = asked.name AND o.deleted_at IS NULL
    GROUP BY asked.name
    UNION ALL
    SELECT o.id::text, o.id, 1 FROM accounts_orgs o WHERE o.id = ANY (CAST(:ids AS uuid[])) AND o.deleted_at IS NULL
""")


class OrgBook:
    """Which org each name is: found once, remembered for the rest of the run."""

    def __init__(self) -> None:
        self._ids: dict[str, UUID] = {}
        self._wrong: dict[str, str] = {}
        self.created = 0

    def id_of(self, name: str) -> UUID | str:
        """The org's id, or why there is none. `learn` has seen the name."""
        return self._ids.get(name) or self._wrong[name]

    def learn(
        self, session: Session, names: Iterable[str], *, create: bool, actor: Actor, now: datetime, opened_at: datetime
    ) -> None:
        """Look the names up in one statement; make those that are missing, each with its audit entry, if `create`."""
        unknown = sorted({name for name in names if name not in self._ids and name not in self._wrong})
        if not unknown:
            return
        self._look_up(session, unknown)
        missing = [name for name in unknown if name not in self._ids and name not in self._wrong]
        if create and missing:
            session.execute(_LOCK)
            self._look_up(session, missing)
        for name in missing:
            if name in self._ids or name in self._wrong:
                continue
            if not create:
                self._wrong[name] = f"there is no org {name!r}; --create-orgs makes it"
            elif len(name) > MAX_NAME:
                self._wrong[name] = f"an org's name has at most {MAX_NAME} characters"
            else:
                org = create_org(session, name, owner_id=None, actor=actor, now=now, opened_at=opened_at)
                self._ids[name] = org.id
                self.created += 1

    def _look_up(self, session: Session, names: list[str]) -> None:
        ids = [found for name in names if (found := parse_id(name))]
        for row in session.execute(_FIND, {"names": names, "ids": ids}):
            if row.found == 1:
                self._ids[row.name] = row.id
            else:
                self._wrong[row.name] = f"{row.found} orgs are named {row.name!r}; map the org's id instead"
