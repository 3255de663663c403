"""Static files: URLs carry a hash of the content, so browsers may cache them forever.

The stylesheet is written as many small files and served as one, joined in memory on first use: no build step to
forget, and nothing written at run time.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from io import BytesIO
from pathlib import Path

from flask import Response, send_file

from app.settings import PROJECT

SHEET = "css/tollkeeper.css"
LAYERS = ("reset", "tokens", "base", "layout", "components", "pages", "utilities")
_STATIC = PROJECT / "static"
_COMMENT, _INDENT = re.compile(r"/\*.*?\*/", re.DOTALL), re.compile(r"\n\s*")


@cache
def version(path: str) -> str:
    """The first ten hex digits of the content's SHA-256; computed once per process."""
    content = stylesheet() if path == SHEET else (_STATIC / path).read_bytes()
    return hashlib.sha256(content).hexdigest()[:10]


def is_version(path: str, version_sent: str) -> bool:
    """Whether an address names the content of an existing file, and so may be cached forever."""
    return bool(version_sent) and version_sent == version(path)


@cache
def stylesheet() -> bytes:
    """The whole stylesheet without comments. Each layer is a file in static/css or a folder of that name."""
    layers = [f"@layer {layer} {{{''.join(_read(path) for path in sheets(layer))}\n}}" for layer in LAYERS]
    return "\n".join([f"@layer {', '.join(LAYERS)};", *layers, ""]).encode()


def sheets(layer: str) -> list[Path]:
    """List the files of a layer in the order in which they are joined."""
    return [*_STATIC.glob(f"css/{layer}.css"), *sorted(_STATIC.glob(f"css/{layer}/*.css"))]


def serve_stylesheet() -> Response:
    """Answer a request for `SHEET`; 304 if the browser has it cached."""
    return send_file(BytesIO(stylesheet()), mimetype="text/css", etag=version(SHEET))


def _read(path: Path) -> str:
    return _INDENT.sub("\n", _COMMENT.sub("", f"\n{path.read_text(encoding='utf-8')}")).rstrip()
