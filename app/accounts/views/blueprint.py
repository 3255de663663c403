"""The blueprint of accounts, and what it adds to every page's layout."""

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
    """The orgs to switch between; queried only if the caller has more than one."""
    caller = guards.caller()
    if caller.user_id is None or caller.org_count < 2:
        return {"org_choices": []}
    return {"org_choices": _list_choices(caller.user_id)}


def _list_choices(user_id: Any) -> list[OrgChoice]:
    try:
        return queries.list_org_choices(session(), user_id)
    except SQLAlchemyError:
        return []  # the error page for a lost database uses the layout too
