"""Where a form may send its user next: only to a path of this site."""

from __future__ import annotations

import re

from app.web.addresses import path_to

_LONGEST = 2000
# One slash, then anything printable in ASCII but a backslash (browsers read it as a slash); never two slashes in front.
_LOCAL = re.compile(r"/(?!/)[!-\[\]-~]*")


def home() -> str:
    """Where people go who asked for no page in particular."""
    return path_to("portal.dashboard")


def safe_path(text: str | None) -> str | None:
    """The text when it is a path with query on this very site; None for all that could lead elsewhere."""
    if text and len(text) <= _LONGEST and _LOCAL.fullmatch(text):
        return text
    return None
