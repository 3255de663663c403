"""Static files carry their content's hash in the address, so that browsers may cache them for ever.

The stylesheet is written in many small files and served as one, joined in memory when it is first needed: there is no
build step to forget, and nothing is written at run time.
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
    """The first ten hex digits of the content's SHA-256; read once a process."""
    content = stylesheet() if path == SHEET else (_STATIC / path).read_bytes()
    return hashlib.sha256(content).hexdigest()[:10]


@cache
def stylesheet() -> bytes:
    """The whole stylesheet without comments: each layer of `LAYERS` is a file of static/css, or a folder by name."""
    layers = [f"@layer {layer} {{{''.join(_read(path) for path in sheets(layer))}\n}}" for layer in LAYERS]
    return "\n".join([f"@layer {', '.join(LAYERS)};", *layers, ""]).encode()


def sheets(layer: str) -> list[Path]:
    """The files of a layer, in the order in which they are joined."""
    return [*_STATIC.glob(f"css/{layer}.css"), *sorted(_STATIC.glob(f"css/{layer}/*.css"))]


def serve_stylesheet() -> Response:
    """The answer to a request for `SHEET`; 304 to a browser that has it."""
    return send_file(BytesIO(stylesheet()), mimetype="text/css", etag=version(SHEET))


def _read(path: Path) -> str:
    return _INDENT.sub("\n", _COMMENT.sub("", f"\n{path.read_text(encoding='utf-8')}")).rstrip()
