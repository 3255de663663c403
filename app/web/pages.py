"""Pages and fragments: a fragment is a block of its page. `HX-*` headers are read here and nowhere else."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from jinja2_fragments.flask import render_block

from app.web.addresses import path_to

_LONGEST = 2000
# One slash, then anything printable in ASCII but a backslash (browsers read it as a slash); never two slashes in front.
_LOCAL = re.compile(r"/(?!/)[!-\[\]-~]*")


def wants_fragment(name: str) -> bool:
    """Whether HTMX asks for the block of this name; a history restore always wants the whole page."""
    headers = request.headers
    if not headers.get("HX-Request") or headers.get("HX-History-Restore-Request"):
        return False
    return headers.get("HX-Target") == name


def render(template: str, *, fragments: tuple[str, ...] = (), status: int = 200, **context: Any) -> Response:
    """Render a page, or the one of its blocks in `fragments` whose name is the HTMX target's id."""
    wanted = next((name for name in fragments if wants_fragment(name)), None)
    html = render_block(template, wanted, **context) if wanted else render_template(template, **context)
    response = make_response(html, status)
    if fragments:
        response.vary.add("HX-Request")
    return response


def redirect_to(endpoint: str, **values: Any) -> Response:
    """303 after a form, so that reload repeats nothing; HTMX is told to go there itself."""
    where = url_for(endpoint, **values)
    return redirect_path(where)


def redirect_path(path: str) -> Response:
    """303 to a path of this site that the caller has already checked."""
    if request.headers.get("HX-Request"):
        response = make_response("", 204)
        response.headers["HX-Redirect"] = path
        return response
    return redirect(path, 303)  # type: ignore[return-value]  # Flask's redirect returns its own Response


def flash_message(kind: str, words: str) -> None:
    """Show words on the next page; `kind` is success, info, warning or error."""
    flash(words, kind)


def home() -> str:
    """Where people go who asked for no page in particular."""
    return path_to("portal.dashboard")


def safe_path(text: str | None) -> str | None:
    """The text when it is a path with query on this very site; None for all that could lead elsewhere."""
    if text and len(text) <= _LONGEST and _LOCAL.fullmatch(text):
        return text
    return None
