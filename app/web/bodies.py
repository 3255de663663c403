"""Reads the bodies of API requests: JSON of at most 8 MiB, plain or gzip."""

from __future__ import annotations

import zlib

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from app.kit.errors import InvalidRequest, Refused
from app.web.runtime import resolve

MAX_BODY = 8 * 1024 * 1024
_GZIP = zlib.MAX_WBITS | 16
_MOST_MEMBERS = 16  # each copies what follows it, so their number has a bound


def read_body() -> bytes:
    """The request's JSON body, unpacked: at most 8 MiB, `application/json`.

    Raises 413 for a larger one, 415 for another type or encoding, `InvalidRequest` for gzip that cannot be unpacked.
    """
    asked = resolve(request)
    if (asked.content_length or 0) > MAX_BODY:
        raise _too_large()
    if asked.mimetype != "application/json":
        raise UnsupportedMediaType("Send the body as application/json.")
    encoding = asked.environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise Refused("The body can be sent as it is, or with gzip.", code="unsupported_encoding")
    body = asked.get_data(cache=True)
    if encoding != "identity":
        body = _unpack(body)
    if len(body) > MAX_BODY:
        raise _too_large()
    return body


def _unpack(body: bytes) -> bytes:
    """Unpack gzip of at most 16 members, up to a byte more than a body may have."""
    unpacked, room, members = b"", MAX_BODY + 1, 0
    while body and room > 0:
        members += 1
        if members > _MOST_MEMBERS:
            raise InvalidRequest(f"The body has more than {_MOST_MEMBERS} gzip members. Nothing was recorded.")
        stream = zlib.decompressobj(_GZIP)
        try:
            unpacked += stream.decompress(body, room)
        except zlib.error:
            raise InvalidRequest("The body cannot be unpacked: it is not valid gzip. Nothing was recorded.") from None
        room = MAX_BODY + 1 - len(unpacked)
        if not stream.eof and room > 0:
            raise InvalidRequest("The body cannot be unpacked: its end is missing. Nothing was recorded.")
        body = stream.unused_data
    return unpacked


def _too_large() -> RequestEntityTooLarge:
    # The words of `docs/deploy/nginx.conf`.
    return RequestEntityTooLarge("The body is larger than 8 MiB; nothing was recorded. Split it into smaller requests.")
