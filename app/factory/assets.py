"""Static files: URLs carry a hash of the content, so browsers may cache them forever.

The stylesheet is written as many small files and served as one, joined in memory on first use: no build step to
forget, and nothing written at run time. Stylesheet and scripts are compressed once, likewise in memory: they are the
same for everybody, so their length tells nobody a secret.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache
from io import BytesIO
from pathlib import Path

from flask import Response, request, send_file

from app.settings import PROJECT

SHEET = "css/tollkeeper.css"
LAYERS = ("reset", "tokens", "base", "layout", "components", "pages", "utilities")
_STATIC = PROJECT / "static"
_COMMENT, _INDENT = re.compile(r"/\*.*?\*/", re.DOTALL), re.compile(r"\n\s*")


@cache
def version(path: str) -> str:
    """The first ten hex digits of the content's SHA-256; computed once per process."""
    return hashlib.sha256(_content(path)).hexdigest()[:10]


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


@cache
def texts() -> frozenset[str]:
    """The paths of the stylesheet and of all scripts."""
    return frozenset({SHEET, *(path.relative_to(_STATIC).as_posix() for path in _STATIC.rglob("*.js"))})


def serve_text(path: str) -> Response:
    """Answer a request for one of `texts()`, compressed if the client takes gzip; 304 if it has it cached."""
    packed = request.accept_encodings.quality("gzip") > 0
    content, tag = (_compressed(path), f"{version(path)}-gzip") if packed else (_content(path), version(path))
    response = send_file(BytesIO(content), download_name=path.rpartition("/")[2], etag=tag)
    if packed:
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    return response


@cache
def _compressed(path: str) -> bytes:
    return gzip.compress(_content(path), mtime=0)


def _content(path: str) -> bytes:
    return stylesheet() if path == SHEET else (_STATIC / path).read_bytes()


def _read(path: Path) -> str:
    return _INDENT.sub("\n", _COMMENT.sub("", f"\n{path.read_text(encoding='utf-8')}")).rstrip()
