"""Where a form may send its user next: only to a path of this site."""

from __future__ import annotations

import re

HOME = "/dashboard"
_LONGEST = 2000
# One slash, then anything printable in ASCII but a backslash (browsers read it as a slash); never two slashes in front.
_LOCAL = re.compile(r"/(?!/)[!-\[\]-~]*")


def safe_path(text: str | None) -> str | None:
    """The text when it is a path with query on this very site; None for all that could lead elsewhere."""
    if text and len(text) <= _LONGEST and _LOCAL.fullmatch(text):
        return text
    return None
