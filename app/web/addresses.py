"""URLs of our own pages by endpoint, so that links follow when a route moves."""

from __future__ import annotations

from typing import Any

from flask import current_app

from app.web.runtime import runtime


def path_to(endpoint: str, /, **values: Any) -> str:
    """The path of a page; works outside a request. Values that the route does not name become the query."""
    return current_app.url_map.bind("").build(endpoint, values)


def absolute_url(endpoint: str, /, **values: Any) -> str:
    """The full URL of a page, for emails, API answers and the way back from Stripe."""
    return f"{runtime().settings.base_url}{path_to(endpoint, **values)}"
