"""The blueprint of accounts, and what its pages put into every layout."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from sqlalchemy.exc import SQLAlchemyError

from app.accounts import guards, queries
from app.accounts.queries import OrgChoice
from app.web.database import session

pages = Blueprint("accounts", __name__)


@pages.app_context_processor
def _switcher() -> dict[str, Any]:
    """The orgs to switch between; asked for only when the caller has more than one."""
    caller = guards.caller()
    if caller.user_id is None or caller.org_count < 2:
        return {"org_choices": []}
    return {"org_choices": _choices_of(caller.user_id)}


def _choices_of(user_id: Any) -> list[OrgChoice]:
    try:
        return queries.org_choices(session(), user_id)
    except SQLAlchemyError:
        return []  # the page that says that the database is away has a layout too
