"""The JSON API: one decorator registers a route and, from the same structs, describes it for OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, wraps
from types import UnionType
from typing import Any, cast, get_args

import msgspec
from flask import Blueprint, Response, request
from werkzeug.datastructures import Headers

from app.kit.errors import FieldError, InvalidRequest
from app.web import idempotency
from app.web.bodies import read_body
from app.web.json import convert, decode, encode

PREFIX = "/api/v1"
_LOST_PLUS = re.compile(r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+) ([0-9]{2}:?[0-9]{2})$")

Shape = type[msgspec.Struct] | UnionType
"""A request or response body: a struct, or one of several."""
Answer = msgspec.Struct | tuple[msgspec.Struct, int] | Response


@dataclass(frozen=True)
class Operation:
    """What the API reference says about a call; `request`, `query` and `response` are msgspec structs.

    `statuses` are the success statuses besides 200, with their meaning. `media` are the types of an answer that is a
    file: its lines are of `response`.
    """

    endpoint: str
    method: str
    path: str
    summary: str
    response: Shape
    request: Shape | None = None
    query: type[msgspec.Struct] | None = None
    description: str = ""
    example: Any = None
    answer: Any = None
    errors: tuple[str, ...] = ()
    idempotent: bool = False
    statuses: Mapping[int, str] = field(default_factory=dict)
    media: tuple[str, ...] = ()


class Api(Blueprint):
    """One room's part of the API, mounted under /api/v1."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(f"{name}_api", import_name, url_prefix=PREFIX)
        self.operations: list[Operation] = []

    def operation(
        self,
        method: str,
        path: str,
        *,
        summary: str,
        response: Shape,
        request: Shape | None = None,
        query: type[msgspec.Struct] | None = None,
        description: str = "",
        example: Any = None,
        answer: Any = None,
        errors: tuple[str, ...] = (),
        statuses: Mapping[int, str] | None = None,
        media: tuple[str, ...] = (),
        raw: bool = False,
        idempotent: bool | None = None,
        outside: bool = False,
    ) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
        """Register a call. The view receives the parsed body first (unless `raw`), and `query=` if declared.

        A POST honours `Idempotency-Key` unless `idempotent=False` (usage events carry their own ids). With
        `outside`, the view calls Stripe and so runs outside the key's transaction; a repeat runs it again.
        """
        honours_key = method == "POST" if idempotent is None else idempotent

        def register(view: Callable[..., Any]) -> Callable[..., Response]:
            op = Operation(
                endpoint=f"{self.name}.{view.__name__}", method=method, path=path, summary=summary,
                description=description, request=request, query=query, response=response, example=example,
                answer=answer, errors=errors, statuses=statuses or {}, media=media, idempotent=honours_key,
            )  # fmt: skip
            self.operations.append(op)
            handler = _build_handler(
                op, view, raw, idempotency.once_without_transaction if outside else idempotency.once
            )
            self.add_url_rule(path, endpoint=view.__name__, view_func=handler, methods=[method])
            return handler

        return register


def _build_handler(
    op: Operation, view: Callable[..., Any], raw: bool, once: Callable[[bytes, Callable[[], Response]], Response]
) -> Callable[..., Response]:
    @wraps(view)
    def handler(**values: Any) -> Response:
        if op.query is not None:
            values["query"] = convert(_query(op.query), op.query)
        if op.request is None or raw:
            return _respond(view(**values))
        body = read_body()
        parsed = decode(body, cast("type[msgspec.Struct]", op.request))  # a `raw` view parses unions itself
        if op.idempotent:
            return once(body, lambda: _respond(view(parsed, **values)))
        return _respond(view(parsed, **values))

    return handler


class RawResponse(Response):
    """A whole body that is JSON already. Its headers are sent as they are, not checked and copied once more."""

    def get_wsgi_headers(self, environ: Any) -> Headers:  # noqa: ARG002  # as werkzeug's
        return self.headers


def respond_raw(body: bytes, status: int = 200) -> Response:
    """A response whose body is already JSON; for the hot path."""
    return RawResponse(body, status, content_type="application/json")


def _respond(answer: Answer) -> Response:
    if isinstance(answer, Response):
        return answer
    struct, status = answer if isinstance(answer, tuple) else (answer, 200)
    return Response(encode(struct), status, content_type="application/json")


def _query(type_: Any) -> dict[str, str]:
    known = {field.encode_name for field in msgspec.structs.fields(type_)}
    errors = [FieldError(name, "unknown parameter") for name in request.args if name not in known]
    errors += [FieldError(n, "must be given only once") for n in known if len(request.args.getlist(n)) > 1]
    errors += [FieldError(n, "NUL characters are not allowed") for n, v in request.args.items() if "\x00" in v]
    # msgspec reads the text "null" as None wherever that is allowed and text is not.
    errors += [FieldError(n, "null is no value; leave the parameter out") for n in _nulls(type_)]
    if errors:
        raise InvalidRequest("The query parameters are not valid.", errors)
    times = _time_parameters(type_)
    return {n: _with_plus(v) if n in times else v for n, v in request.args.items()}


def _nulls(type_: Any) -> list[str]:
    texts = _text_parameters(type_)
    return [name for name, value in request.args.items() if name not in texts and value.lower() == "null"]


@cache
def _text_parameters(type_: Any) -> frozenset[str]:
    return frozenset(f.encode_name for f in msgspec.structs.fields(type_) if _holds(f.type, str))


@cache
def _time_parameters(type_: Any) -> frozenset[str]:
    return frozenset(f.encode_name for f in msgspec.structs.fields(type_) if _holds(f.type, datetime))


def _holds(type_: Any, wanted: type) -> bool:
    return type_ is wanted or any(_holds(part, wanted) for part in get_args(type_))


def _with_plus(text: str) -> str:
    """Restore the + of an offset: unless it was sent as %2B, it arrives as a space, and nothing else can be meant."""
    return _LOST_PLUS.sub(r"\1+\2", text)
