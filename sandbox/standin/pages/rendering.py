"""Renders the stand-in's templates under its content security policy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import web_pages
from sandbox.standin.engine import proration
from sandbox.web_pages import Page

HERE = Path(__file__).resolve().parent
# Forms redirect back to the portal on another port, and form-action applies to redirects too.
POLICY = f"{web_pages.STRICT}; form-action 'self' http://127.0.0.1:* http://localhost:*"


def render(name: str, status: int = 200, **context: object) -> Page:
    """Render the page `templates/name`."""
    return Page(templates.get_template(name).render(**context), status, policy=POLICY)


def secure_step(method: dict[str, Any], amount: int | None, currency: str, action: str) -> Page:
    """Render the page that simulates the bank's 3-D Secure step; `action` receives the answer."""
    return render("secure.html", last4=method["card"]["last4"], amount=amount, currency=currency, action=action)


def not_found_page(words: str = "There is no page at this address.") -> Page:
    """A 404 page with a message."""
    return render("missing.html", 404, words=words)


def format_instant(seconds: int) -> str:
    """Unix seconds as date and time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def format_day(seconds: int) -> str:
    """Unix seconds as a date in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


templates = web_pages.templates(HERE, product="Stripe sandbox", banner="no money moves", home="")
_filters: dict[str, Any] = {"money": proration.format_money, "instant": format_instant, "day": format_day}
templates.filters.update(_filters)
