"""Renders emails: templates/email/<name>.txt has the subject and the plain text, <name>.html the HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.settings import PROJECT

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_DOT_INSIDE = re.compile(r"(?<=\w)\.(?=\w)")
MAX_SUBJECT = 150


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """A rendered email; the subject is one line."""

    subject: str
    text: str
    html: str


def render_email(template: str, context: Mapping[str, Any]) -> RenderedEmail:
    """Render an email; an unknown name in a template is an error, never a gap in the text.

    Every string in the context is reduced to one line first, so no value can start a header or a paragraph.
    """
    values = {name: one_line(value) for name, value in context.items()}
    plain = _environment().get_template(f"email/{template}.txt")
    subject = one_line("".join(plain.blocks["subject"](plain.new_context(values))))[:MAX_SUBJECT]
    html = _environment().get_template(f"email/{template}.html").render(values, subject=subject)
    return RenderedEmail(subject, plain.render(values).strip() + "\n", _inliner().inline(html))


@cache
def list_templates() -> list[str]:
    """The names of the emails that there are, without the frame they share."""
    names = _environment().list_templates(filter_func=lambda name: name.startswith("email/") and name.endswith(".txt"))
    return [name[len("email/") : -len(".txt")] for name in names if name != "email/base.txt"]


def one_line(value: Any) -> Any:
    """Remove line breaks, control and direction characters from strings, also in lists; other values are unchanged."""
    if isinstance(value, str):
        return " ".join(_CONTROL.sub(" ", value).split())
    if isinstance(value, list | tuple):
        return [one_line(item) for item in value]
    return value


def defang_name(name: str) -> str:
    """Defang a user-chosen name, so that mail clients do not turn `evil.example` into a link."""
    return _DOT_INSIDE.sub("\u2024", name.replace("://", " "))[:100]


def format_time(at: datetime) -> str:
    """Format a time for an email, in UTC because the reader's time zone is not known here."""
    return f"{at.astimezone(UTC):%-d %B %Y, %H:%M} UTC"


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(PROJECT / "templates")
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"named": defang_name, "when": format_time}
    return environment


@cache
def _inliner() -> CSSInliner:
    # Keep at-rules: they define the dark colours.
    return CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
