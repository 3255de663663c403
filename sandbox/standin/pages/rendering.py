"""Renders the stand-in's templates under their content security policy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import web_pages
from sandbox.standin.engine import proration
from sandbox.web_pages import Page

HERE = Path(__file__).resolve().parent
# A form's answer leads back to the portal, which has another port: form-action rules redirects too.
POLICY = f"{web_pages.STRICT}; form-action 'self' http://127.0.0.1:* http://localhost:*"


def render(name: str, status: int = 200, **context: object) -> Page:
    """A page from `templates/name`."""
    return Page(templates.get_template(name).render(**context), status, policy=POLICY)


def secure_step(method: dict[str, Any], amount: int | None, currency: str, action: str) -> Page:
    """The step that stands for the bank's page: 3-D Secure for a card; `action` takes the answer."""
    return render("secure.html", last4=method["card"]["last4"], amount=amount, currency=currency, action=action)


def not_found_page(words: str = "There is no such page.") -> Page:
    """404 with words."""
    return render("missing.html", 404, words=words)


def format_instant(seconds: int) -> str:
    """Unix seconds as a date and time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def format_day(seconds: int) -> str:
    """Unix seconds as a date in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


templates = web_pages.templates(HERE, product="Stripe's stand-in", banner="no money moves", home="")
_filters: dict[str, Any] = {"money": proration.format_money, "instant": format_instant, "day": format_day}
templates.filters.update(_filters)
