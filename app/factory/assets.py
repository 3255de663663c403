"""Static files carry their content's hash in the address, so that they can be cached for ever."""

from __future__ import annotations

import hashlib
from functools import cache

from app.settings import PROJECT


@cache
def version(path: str) -> str:
    """The first ten hex digits of the file's SHA-256; read once a process."""
    return hashlib.sha256((PROJECT / "static" / path).read_bytes()).hexdigest()[:10]
