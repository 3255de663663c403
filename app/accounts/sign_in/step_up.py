"""A form that needs the password, sent after the ten minutes for which it counts, comes back filled in.

It is kept in the session cookie, which is the sender's own, until its page shows it again.
"""

from __future__ import annotations

import json

from flask import g, request, session
from werkzeug.datastructures import MultiDict

from app.web.pages import flash_message

_KEPT = "unsent"
_MAX_LENGTH = 1500  # a cookie holds 4 kB


def set_form_page(page: str) -> None:
    """Note the path of the page with the form of this request."""
    g.form_page = page


def keep_form() -> str:
    """Keep the fields of this request, if it sends a form that fits into a cookie; return the form's page."""
    page: str = g.get("form_page", request.path)
    fields = [[name, value] for name, value in request.form.items(multi=True) if name != "csrf_token"]
    if request.method == "POST" and len(json.dumps(fields)) <= _MAX_LENGTH:
        session[_KEPT] = {"endpoint": request.endpoint, "page": page, "fields": fields}
    return page


def kept_fields(endpoint: str) -> MultiDict[str, str] | None:
    """The fields kept for the form of `endpoint` on this page, once; None if there are none."""
    kept = session.get(_KEPT)
    if not kept or request.method != "GET" or (kept["endpoint"], kept["page"]) != (endpoint, request.path):
        return None
    del session[_KEPT]
    flash_message("info", "Nothing has been sent yet. Check the form and send it again.")
    return MultiDict(kept["fields"])
