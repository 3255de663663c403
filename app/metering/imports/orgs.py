"""Resolves the orgs named in an import, by id or name, and creates missing ones on request."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.orgs.service import create_org
from app.kit.actor import Actor
from app.kit.ids import new_id, parse_id

MAX_NAME = 200

# Two concurrent imports must not both create an org of the same name.
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
    """Maps names to orgs, looking each name up once per run. With `dry_run`, orgs to be created only get an id."""

    def __init__(self, *, dry_run: bool = False) -> None:
        self._dry_run = dry_run
        self._ids: dict[str, UUID] = {}
        self._errors: dict[str, str] = {}
        self.created = 0

    def get_id(self, name: str) -> UUID | str:
        """Return the org's id, or a message saying why there is none. Call `resolve` with the name first."""
        return self._ids.get(name) or self._errors[name]

    def forget_errors(self) -> None:
        """Look up again what was not found: rows to come may create it."""
        self._errors.clear()

    def resolve(
        self, session: Session, names: Iterable[str], *, create: bool, actor: Actor, now: datetime, opened_at: datetime
    ) -> None:
        """Look the names up in one statement. With `create`, create missing orgs, with an audit entry for each one."""
        unknown = sorted({name for name in names if name not in self._ids and name not in self._errors})
        if not unknown:
            return
        self._look_up(session, unknown)
        missing = [name for name in unknown if name not in self._ids and name not in self._errors]
        if create and missing and not self._dry_run:
            session.execute(_LOCK)
            self._look_up(session, missing)
        for name in missing:
            if name in self._ids or name in self._errors:
                continue
            if not create:
                self._errors[name] = f"there is no org {name!r}; --create-orgs creates it"
            elif len(name) > MAX_NAME:
                self._errors[name] = f"an org's name can have at most {MAX_NAME} characters"
            elif self._dry_run:
                self._ids[name] = new_id()
                self.created += 1
            else:
                org = create_org(session, name, owner_id=None, actor=actor, now=now, opened_at=opened_at)
                self._ids[name] = org.id
                self.created += 1

    def _look_up(self, session: Session, names: list[str]) -> None:
        ids = [org_id for name in names if (org_id := parse_id(name))]
        for row in session.execute(_FIND, {"names": names, "ids": ids}):
            if row.found == 1:
                self._ids[row.name] = row.id
            else:
                self._errors[row.name] = f"{row.found} orgs are named {row.name!r}; map the org's id instead"
