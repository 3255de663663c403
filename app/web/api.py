"""The JSON API: one decorator registers a route and, from the same structs, describes it for OpenAPI."""

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
"""A request or response body: a struct, or one of several."""
Answer = msgspec.Struct | tuple[msgspec.Struct, int] | Response


@dataclass(frozen=True)
class Operation:
    """What the API reference says about a call; `request`, `query` and `response` are msgspec structs.

    `statuses` are the success statuses besides 200, with their meaning.
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
                answer=answer, errors=errors, statuses=statuses or {}, idempotent=honours_key,
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


def read_body() -> bytes:
    """The request's JSON body: at most 8 MiB, `application/json`; anything else raises 413 or 415."""
    if request.content_length is not None and request.content_length > MAX_BODY:
        raise RequestEntityTooLarge(
            "The body is larger than 8 MiB; nothing was recorded. Split it into smaller requests."
        )
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send the body as application/json.")
    body = request.get_data(cache=True)
    if len(body) > MAX_BODY:
        raise RequestEntityTooLarge(
            "The body is larger than 8 MiB; nothing was recorded. Split it into smaller requests."
        )
    return body


def respond_raw(body: bytes, status: int = 200) -> Response:
    """A response whose body is already JSON; for the hot path."""
    return Response(body, status, content_type="application/json")


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
    if errors:
        raise InvalidRequest("The query parameters are not valid.", errors)
    return dict(request.args.items())
