"""Letters from templates: templates/email/<name>.txt with the subject and the words, <name>.html beside it."""

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
LONGEST_SUBJECT = 150


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """A rendered mail; the subject is one line."""

    subject: str
    text: str
    html: str


def render_email(template: str, context: Mapping[str, Any]) -> RenderedEmail:
    """Render a letter; an unknown name in a template is an error, never a gap in the words.

    Every text of the context becomes one line first, so that no value can start a header or a paragraph of its own.
    """
    words = {name: one_line(value) for name, value in context.items()}
    plain = _environment().get_template(f"email/{template}.txt")
    subject = one_line("".join(plain.blocks["subject"](plain.new_context(words))))[:LONGEST_SUBJECT]
    html = _environment().get_template(f"email/{template}.html").render(words, subject=subject)
    return RenderedEmail(subject, plain.render(words).strip() + "\n", _inliner().inline(html))


def one_line(value: Any) -> Any:
    """Text without line breaks, control and direction characters; lists alike; other values as they are."""
    if isinstance(value, str):
        return " ".join(_CONTROL.sub(" ", value).split())
    if isinstance(value, list | tuple):
        return [one_line(each) for each in value]
    return value


def defang_name(name: str) -> str:
    """A name that somebody chose, made harmless: mail programs turn `evil.example` into a link, this they do not."""
    return _DOT_INSIDE.sub("\u2024", name.replace("://", " "))[:100]


def format_time(at: datetime) -> str:
    """A time as a letter says it: its reader's zone is not known here."""
    return f"{at.astimezone(UTC):%-d %B %Y, %H:%M} UTC"


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(PROJECT / "templates")
    made = Environment(
        loader=loader,
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"named": defang_name, "when": format_time}
    return made


@cache
def _inliner() -> CSSInliner:
    # The at-rules stay: they hold the dark colours.
    return CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
