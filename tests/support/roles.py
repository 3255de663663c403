"""The app of a test has the rights of a running process and no others; the test itself may do anything."""

from __future__ import annotations

from sqlalchemy import text

_APP = "app_of_tests"
CREATE = f"""
DO $$ BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('{_APP}', 0));
  IF to_regrole('{_APP}') IS NULL THEN
    CREATE ROLE {_APP} SUPERUSER LOGIN;
    ALTER ROLE {_APP} SET role = 'tollkeeper_worker';
  END IF;
END $$
"""
BY_HAND = text("SET LOCAL ROLE NONE")
"""Lets a test change, in this transaction of its app's session, what no running process may."""


def as_app(database: str) -> str:
    """The address by which a test's app connects: as the worker, whose rights are the web's and some deletions."""
    return database.replace("postgres@", f"{_APP}@", 1)
