"""Addresses of our own pages, asked for by endpoint: when a route moves, whatever leads there follows."""

from __future__ import annotations

from typing import Any

from flask import current_app

from app.web.runtime import runtime


def path_to(endpoint: str, /, **values: Any) -> str:
    """The path of a page, outside a request too; values that its route does not name become the query."""
    return current_app.url_map.bind("").build(endpoint, values)


def absolute_url(endpoint: str, /, **values: Any) -> str:
    """The address of a page for readers elsewhere: in mails, answers of the API, and Stripe's way back."""
    return f"{runtime().settings.base_url}{path_to(endpoint, **values)}"
