"""Splits the body of a batch that the JSON decoder cannot read as a whole, so that one odd event spoils only itself.

Half a surrogate pair and deep nesting are valid JSON (RFC 8259), but msgspec refuses a body that contains them. These
functions use no recursion and take time linear in the body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from msgspec import Raw

# Beyond these a body is taken for an attack and refused whole; honest ones stay far below.
_MAX_TOKENS = 500_000
_MAX_HALVES = 100_000

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
# What lies between brackets and commas; a list or an object that holds no other; a bracket; a comma.
_TOKEN = re.compile(
    rb'(?:[^\[\]{}",]++|S)++|(?>\{(?:[^\[\]{}"]++|S)*+\})|(?>\[(?:[^\[\]{}"]++|S)*+\])|[\[\]{},]'.replace(
        b"S", _STRING
    ),
    re.DOTALL,
)
_HALF = re.compile(
    rb"(?<!\\)(?P<before>(?:\\\\)*+)\\u[dD]"
    rb"(?:(?P<pair>[89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?P<half>[89a-fA-F][0-9a-fA-F]{2}))"
)
_ANY = msgspec.json.Decoder(Raw)


class _Head(msgspec.Struct):
    events: Raw | msgspec.UnsetType = msgspec.UNSET


class _Outline(msgspec.Struct, forbid_unknown_fields=True):
    events: list[int]


_HEAD = msgspec.json.Decoder(_Head)
_OUTLINE = msgspec.json.Decoder(_Outline)


def split_events(body: bytes, most: int) -> list[bytes] | None:
    """Return the events of `{"events": [...]}` as sent; None if the body has no `events`.

    Raises `msgspec.DecodeError` if what surrounds the events is not JSON or not a batch. The events are not looked at,
    and nothing is if there are more than `most`: then it returns one more than these.
    """
    spans = list(_list_spans(body, most + 1))
    if len(spans) > most:
        return [b""] * len(spans)
    events = [body[begin:end].strip() for begin, end in spans]
    # The body with a number in the place of each event.
    outline = body
    if spans:
        numbers = b",".join(b"0" if event else b"" for event in events)
        outline = body[: spans[0][0]] + numbers + body[spans[-1][1] :]
    try:
        if _HEAD.decode(replace_halves(outline)).events is msgspec.UNSET:
            return None
        _OUTLINE.decode(replace_halves(outline))
    except RecursionError:
        return None
    return events


def find_error(text: bytes) -> str | None:
    """Return what keeps the text from being one JSON value; None if it is one."""
    try:
        text.decode("utf-8")
        try:
            _ANY.decode(replace_halves(text))
        except RecursionError:
            return None if _is_balanced(text) else "Input data was truncated"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return str(error)
    return None


def find_half(text: bytes) -> str | None:
    r"""Return the first escape that is half a surrogate pair, such as `\ud83d`."""
    halves = (f"\\ud{match['half'].decode()}" for match in _HALF.finditer(text) if match["half"])
    return next(halves, None)


def replace_halves(text: bytes) -> bytes:
    """Replace halves of surrogate pairs by U+FFFD."""
    return _HALF.sub(lambda match: match["before"] + rb"\ufffd" if match["half"] else match[0], text, count=_MAX_HALVES)


def _tokens(text: bytes) -> Iterator[re.Match[bytes]]:
    """Yield the brackets outside innermost lists and objects, and what lies between. Raises `msgspec.DecodeError`."""
    for count, token in enumerate(_TOKEN.finditer(text)):
        if count == _MAX_TOKENS:
            raise msgspec.DecodeError("The body is too complex to be read")
        yield token


def _list_spans(body: bytes, most: int) -> Iterator[tuple[int, int]]:
    """Yield where the items of the first list inside the outer object begin and end, up to `most`."""
    depth, begins = 0, -1
    for token in _tokens(body):
        mark = token[0] if token.end() - token.start() == 1 else b""
        if mark in {b"[", b"{"}:
            depth += 1
            if depth == 2 and mark == b"[" and begins < 0:
                begins = token.end()
        elif mark in {b"]", b"}"}:
            depth -= 1
            if depth == 1 and begins >= 0:
                yield begins, token.start()
                return
        elif mark == b"," and depth == 2 and begins >= 0:
            yield begins, token.start()
            begins = token.end()
            most -= 1
            if not most:
                return


def _is_balanced(text: bytes) -> bool:
    """Whether each bracket has its counterpart; the only thing that is checked in a value nested too deeply to read."""
    awaited = bytearray()
    for token in _tokens(text):
        mark = token[0] if token.end() - token.start() == 1 else b""
        if mark in {b"[", b"{"}:
            awaited += b"]" if mark == b"[" else b"}"
        elif mark in {b"]", b"}"} and (not awaited or awaited.pop() != mark[0]):
            return False
    return not awaited
