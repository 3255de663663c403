"""What a browser gets: plain HTML from our templates, without script, under a strict content policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.standin import terms

HERE = Path(__file__).resolve().parent
# A form's answer leads back to the portal, which has another port: form-action rules redirects too.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self' http://127.0.0.1:* http://localhost:*; base-uri 'none'; frame-ancestors 'none'"
)
HOSTS = {"127.0.0.1", "localhost"}


@dataclass(frozen=True)
class Page:
    """One answer to a browser."""

    body: str
    status: int = 200
    kind: str = "text/html"
    location: str | None = None

    def headers(self) -> list[tuple[str, str]]:
        """All but the length."""
        lines = [
            ("Content-Type", f"{self.kind}; charset=utf-8"),
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
        ]
        return [*lines, ("Location", self.location)] if self.location else lines


def render(name: str, status: int = 200, **context: object) -> Page:
    """A page from `templates/name`."""
    return Page(templates.get_template(name).render(**context), status)


def redirect(url: str) -> Page:
    """303: look there."""
    return Page("", HTTPStatus.SEE_OTHER, "text/plain", url)


def not_here(words: str = "There is no such page.") -> Page:
    """404 with words."""
    return render("missing.html", 404, words=words)


def style() -> Page:
    """The one stylesheet."""
    return Page((HERE / "style.css").read_text(encoding="utf-8"), kind="text/css")


def from_here(method: str, host: str, origin: str | None) -> bool:
    """Whether the call comes from this machine's own pages: another site in the same browser may not act."""
    if host.rpartition(":")[0] not in HOSTS:
        return False
    return method in {"GET", "HEAD"} or origin in {None, f"http://{host}"}


def instant(seconds: int) -> str:
    """Unix seconds as a date and time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def day(seconds: int) -> str:
    """Unix seconds as a date in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_filters: dict[str, Any] = {"money": terms.words, "instant": instant, "day": day}
templates.filters.update(_filters)
