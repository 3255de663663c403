"""The blueprint of accounts, and what it adds to every page's layout."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from app.accounts import guards

pages = Blueprint("accounts", __name__)


@pages.app_context_processor
def _switcher() -> dict[str, Any]:
    """The orgs to switch between, for who has more than one."""
    orgs = guards.caller().orgs
    return {"org_choices": orgs if len(orgs) > 1 else ()}
