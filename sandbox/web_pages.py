"""Responses of the sandbox's pages: HTML without scripts under a strict policy, for this machine only."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).resolve().parent
STRICT = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
HOSTS = {"127.0.0.1", "localhost"}


@dataclass(frozen=True)
class Page:
    """A response to a browser."""

    body: str
    status: int = HTTPStatus.OK
    kind: str = "text/html"
    location: str | None = None
    policy: str = f"{STRICT}; form-action 'self'"

    def headers(self) -> list[tuple[str, str]]:
        """All headers but the length."""
        lines = [
            ("Content-Type", f"{self.kind}; charset=utf-8"),
            ("Content-Security-Policy", self.policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
        ]
        return [*lines, ("Location", self.location)] if self.location else lines


def redirect(url: str) -> Page:
    """Redirect with 303."""
    return Page("", HTTPStatus.SEE_OTHER, "text/plain", url)


def forbidden() -> Page:
    """The response to requests that are not `from_here`."""
    return Page("This page is only available on this machine.\n", HTTPStatus.FORBIDDEN, "text/plain")


def from_here(method: str, host: str, origin: str | None) -> bool:
    """Whether the request comes from this machine's own pages: other sites in the same browser may not act."""
    if host.rpartition(":")[0] not in HOSTS:  # a foreign name that resolves to this machine
        return False
    return method in {"GET", "HEAD"} or origin in {None, f"http://{host}"}


def status_line(status: int) -> str:
    """The WSGI status line, such as `404 Not Found`."""
    return f"{int(status)} {HTTPStatus(status).phrase}"


def templates(folder: Path, **names: str) -> Environment:
    """The templates of `folder` over the shared `base.html`, which needs `product`, `banner` and `home`."""
    loader = FileSystemLoader([folder / "templates", HERE / "templates"])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.globals.update(names)
    return environment


def style(folder: Path) -> Page:
    """The shared style sheet followed by the one in `folder`."""
    sheets = (HERE / "style.css", folder / "style.css")
    return Page("".join(sheet.read_text(encoding="utf-8") for sheet in sheets), kind="text/css")
