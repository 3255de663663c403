"""Pages and fragments: a fragment is a block of its page. `HX-*` headers are read only in this module and `errors`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from jinja2_fragments.flask import render_block

_MAX_LENGTH = 2000
# One slash, then printable ASCII without backslashes, which browsers read as slashes; never two slashes in front.
_LOCAL = re.compile(r"/(?!/)[!-\[\]-~]*")


def wants_fragment(name: str) -> bool:
    """Whether HTMX asks for the block of this name; restoring the history always needs the whole page."""
    headers = request.headers
    if not headers.get("HX-Request") or headers.get("HX-History-Restore-Request"):
        return False
    return headers.get("HX-Target") == name


def render(template: str, *, fragments: tuple[str, ...] = (), status: int = 200, **context: Any) -> Response:
    """Render a page, or the block in `fragments` whose name is the id of the HTMX target."""
    block = next((name for name in fragments if wants_fragment(name)), None)
    html = render_block(template, block, **context) if block else render_template(template, **context)
    response = make_response(html, status)
    if fragments:
        response.vary.add("HX-Request")
    return response


def redirect_to(endpoint: str, **values: Any) -> Response:
    """Redirect with 303 after a form, so that reloading repeats nothing; HTMX is told by a header."""
    path = url_for(endpoint, **values)
    return redirect_path(path)


def redirect_path(path: str) -> Response:
    """Redirect with 303 to a path of this site that the caller has checked."""
    if request.headers.get("HX-Request"):
        response = make_response("", 204)
        response.headers["HX-Redirect"] = path
        return response
    return redirect(path, 303)  # type: ignore[return-value]  # Flask's redirect returns its own Response


def reload_other_page(org_id: UUID | None) -> Response | None:
    """Have HTMX load its whole page again if that is another org's: in another tab, the session went on to `org_id`."""
    shown = request.headers.get("Tollkeeper-Page-Org")  # `base.html` has HTMX send it
    if not request.headers.get("HX-Request") or shown in {None, str(org_id)}:
        return None
    response = make_response("", 204)
    response.headers["HX-Refresh"] = "true"
    return response


class Undo(NamedTuple):
    """What takes an act back: a form that posts `fields` to a path, where the right to do it is asked for again."""

    path: str
    fields: Mapping[str, str] = MappingProxyType({})


def flash_message(kind: str, text: str, undo: Undo | None = None) -> None:
    """Show a message on the next page; `kind` is success, info, warning or error.

    Where scripts run, success and info leave by themselves: they say nothing that the page does not.
    """
    taking_back = {"path": undo.path, "fields": dict(undo.fields)} if undo else None
    flash({"words": text, "undo": taking_back}, kind)  # type: ignore[arg-type]  # the session takes what JSON does


def safe_path(text: str | None) -> str | None:
    """The text if it is a path with query on this site; None for anything that could lead elsewhere."""
    if text and len(text) <= _MAX_LENGTH and _LOCAL.fullmatch(text):
        return text
    return None
