"""Changes rows that the product never changes, as a superuser of the database could."""

from __future__ import annotations

from sqlalchemy import text

from app.web.database import transaction
from tests.factories import allow_any_change
from tests.scenario.org import Org


def tamper(org: Org, statement: str) -> None:
    """Run a statement on `:org` with the triggers out of the way."""
    org.session.rollback()
    with transaction() as session:
        allow_any_change(session)
        session.execute(text(statement), {"org": org.id})
