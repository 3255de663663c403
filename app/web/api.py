"""The JSON API's doors: one decorator registers a route and describes it for OpenAPI from the same structs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from types import UnionType
from typing import Any, cast

import msgspec
from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from app.kit.errors import FieldError, InvalidRequest
from app.web import idempotency
from app.web.json import convert, decode, encode

PREFIX = "/api/v1"
MAX_BODY = 8 * 1024 * 1024

Shape = type[msgspec.Struct] | UnionType
"""What a body or an answer is: a struct, or one of several."""
Answer = msgspec.Struct | tuple[msgspec.Struct, int] | Response


@dataclass(frozen=True)
class Operation:
    """What the API reference says of one call; `request`, `query` and `response` are msgspec structs.

    `statuses` are those of a good answer beside 200, each with what it says.
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


class Api(Blueprint):
    """A room's part of the API, mounted under /api/v1."""

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
        raw: bool = False,
        idempotent: bool | None = None,
        outside: bool = False,
    ) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
        """Register a call. The view gets the parsed body first (unless `raw`) and `query=` when declared.

        A POST honours `Idempotency-Key` unless `idempotent=False` (usage events carry their own ids); with `outside`
        the view runs in no transaction of the key's, since it asks others (Stripe), and a repeat runs it again.
        """
        keyed = method == "POST" if idempotent is None else idempotent

        def register(view: Callable[..., Any]) -> Callable[..., Response]:
            op = Operation(
                endpoint=f"{self.name}.{view.__name__}", method=method, path=path, summary=summary,
                description=description, request=request, query=query, response=response, example=example,
                answer=answer, errors=errors, statuses=statuses or {}, idempotent=keyed,
            )  # fmt: skip
            self.operations.append(op)
            door = _door(op, view, raw, idempotency.once_outside if outside else idempotency.once)
            self.add_url_rule(path, endpoint=view.__name__, view_func=door, methods=[method])
            return door

        return register


def _door(
    op: Operation, view: Callable[..., Any], raw: bool, once: Callable[[bytes, Callable[[], Response]], Response]
) -> Callable[..., Response]:
    @wraps(view)
    def door(**values: Any) -> Response:
        if op.query is not None:
            values["query"] = convert(_query(op.query), op.query)
        if op.request is None or raw:
            return _respond(view(**values))
        body = read_body()
        parsed = decode(body, cast("type[msgspec.Struct]", op.request))  # a `raw` view parses a union itself
        if op.idempotent:
            return once(body, lambda: _respond(view(parsed, **values)))
        return _respond(view(parsed, **values))

    return door


def read_body() -> bytes:
    """The request's JSON body as bytes: at most 8 MiB, `application/json`; anything else has its own status."""
    if request.content_length is not None and request.content_length > MAX_BODY:
        raise RequestEntityTooLarge("The body is larger than 8 MiB; nothing was recorded. Split it.")
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send the body as application/json.")
    body = request.get_data(cache=True)
    if len(body) > MAX_BODY:
        raise RequestEntityTooLarge("The body is larger than 8 MiB; nothing was recorded. Split it.")
    return body


def respond_raw(body: bytes, status: int = 200) -> Response:
    """An answer that is JSON already; for the hot path."""
    return Response(body, status, content_type="application/json")


def _respond(answer: Answer) -> Response:
    if isinstance(answer, Response):
        return answer
    struct, status = answer if isinstance(answer, tuple) else (answer, 200)
    return Response(encode(struct), status, content_type="application/json")


def _query(type_: Any) -> dict[str, str]:
    known = {each.encode_name for each in msgspec.structs.fields(type_)}
    errors = [FieldError(name, "unknown parameter") for name in request.args if name not in known]
    errors += [FieldError(n, "given more than once") for n in known if len(request.args.getlist(n)) > 1]
    errors += [FieldError(n, "NUL characters are not text") for n, v in request.args.items() if "\x00" in v]
    if errors:
        raise InvalidRequest("The query cannot be understood.", errors)
    return dict(request.args.items())
