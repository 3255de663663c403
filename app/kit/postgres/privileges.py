"""Rights that no serving process may have: a superuser and the tables' owner pass every grant and every trigger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import psycopg

from app.kit.postgres.connections import connect

_LIMIT = timedelta(seconds=5)
# A member of the owner's role can act as the owner.
EXCESS_RIGHTS = """
SELECT current_user, rolsuper, EXISTS (
    SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
      AND pg_has_role(current_user, relowner, 'MEMBER'))
FROM pg_roles WHERE rolname = current_user
"""


def name_excess_rights(row: Sequence[Any]) -> list[str]:
    """What the row of `EXCESS_RIGHTS` says that a serving process must not be: "tollkeeper_owner owns the tables"."""
    name, superuser, owner = row
    if superuser:
        return [f"{name} is a superuser"]
    return [f"{name} owns the tables"] if owner else []


def ask_excess_rights(url: str) -> list[str]:
    """The same for a database address. Raises `psycopg.Error` if the database cannot be asked."""
    with connect(url, _LIMIT, autocommit=True) as connection:
        return name_excess_rights(connection.execute(EXCESS_RIGHTS).fetchone() or ("", False, False))


def find_excess_rights(url: str) -> list[str]:
    """The same; none while the database cannot be asked. Whoever relies on it asks again later."""
    try:
        return ask_excess_rights(url)
    except psycopg.Error:
        return []


def describe_excess_rights(serving: str, env: Mapping[str, str]) -> list[str]:
    """Say of what a database variable's role has too much; nothing while the database cannot be asked."""
    name = serving if env.get(serving) else "DATABASE_URL"
    found = find_excess_rights(env.get(name, ""))
    return [
        f"{name}: {excess}; web and worker need roles that own nothing, see migrations/roles.sql" for excess in found
    ]
