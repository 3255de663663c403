"""OpenAPI 3.1, generated from the structs that parse the requests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import UnionType
from typing import Any, get_args

import msgspec

from app.kit.fields import Instant
from app.web.api import PREFIX, Operation, Shape
from app.web.problems import PROBLEMS, get_problem_type

REF = "#/components/schemas/{name}"
_DATABASE = ("unavailable", "busy", "outcome_unknown")
COMMON = ("invalid_key", "scope_missing", "rate_limited", "org_suspended", *_DATABASE, "internal")


class Problem(msgspec.Struct):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[dict[str, str]] = []
    meter: str = ""
    limit: str = ""
    used: str = ""
    reserved: str = ""
    requested: str = ""
    resets_at: Instant | msgspec.UnsetType = msgspec.UNSET
    upgrade_url: str = ""
    quote: str = ""
    amount_due: int = 0
    pay_url: str = ""


def document(
    operations: Iterable[Operation], scopes: dict[str, str | None], base_url: str, version: str
) -> dict[str, Any]:
    """The whole document. `scopes` maps endpoints to the key scope they need; None is a public call."""
    all_operations = list(operations)
    declared = [shape for op in all_operations for shape in (op.request, op.response, op.query) if shape is not None]
    schemas, components = _schemas([*declared, Problem])
    paths: dict[str, dict[str, Any]] = {}
    for op in all_operations:
        path = PREFIX + re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", op.path)
        paths.setdefault(path, {})[op.method.lower()] = _operation(op, schemas, components, scopes.get(op.endpoint))
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Tollkeeper API",
            "version": version,
            "description": "Report usage, check limits and read bills. Amounts of money are integers in the currency's"
            " minor unit; quantities are decimal strings; times are RFC 3339 in UTC.",
        },
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "tk_live_…"}},
        },
    }


def _schemas(declared: list[Shape]) -> tuple[dict[Shape, Any], dict[str, Any]]:
    """The schema of every declared type, and the components that they refer to.

    A union of untagged structs, which msgspec does not support, becomes `anyOf`.
    """
    structs = list(dict.fromkeys(struct for shape in declared for struct in _structs(shape)))
    generated, components = msgspec.json.schema_components(structs, ref_template=REF)
    by_struct = dict(zip(structs, generated, strict=True))
    schemas: dict[Shape, Any] = {
        shape: {"anyOf": [by_struct[struct] for struct in _structs(shape)]}
        for shape in declared
        if shape not in by_struct
    }
    return schemas | by_struct, _with_ecma_patterns(components)


def _structs(shape: Shape) -> tuple[type[msgspec.Struct], ...]:
    return get_args(shape) if isinstance(shape, UnionType) else (shape,)


def _with_ecma_patterns(schema: Any) -> Any:
    r"""Translate Python's `\Z` to `$`: JSON Schema patterns are ECMA-262, where `$` means the very end."""
    if isinstance(schema, list):
        return [_with_ecma_patterns(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.replace(r"\Z", "$") if key == "pattern" and isinstance(value, str) else _with_ecma_patterns(value)
        for key, value in schema.items()
    }


def _operation(
    op: Operation, schemas: dict[Shape, Any], components: dict[str, Any], scope: str | None
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": op.endpoint.replace("_api.", "."),
        "summary": op.summary,
        "tags": [op.endpoint.split("_api.")[0]],
        "responses": _responses(op, schemas, public=scope is None),
        "security": [{"key": []}] if scope else [],
    }
    described["description"] = op.description + (f"\n\nNeeds the scope `{scope}`." if scope else "")
    parameters = _path_parameters(op.path) + _query_parameters(op, schemas, components)
    if op.idempotent and op.method == "POST":
        parameters.append(
            _header("Idempotency-Key", "Replays the first answer for 24 h; a different body returns 409.")
        )
    if parameters:
        described["parameters"] = parameters
    if op.request is not None:
        body: dict[str, Any] = {"schema": schemas[op.request]}
        if op.example is not None:
            body["examples"] = {"example": {"value": op.example}}
        described["requestBody"] = {"required": True, "content": {"application/json": body}}
    return described


def _responses(op: Operation, schemas: dict[Shape, Any], *, public: bool) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schemas[op.response]}
    if op.answer is not None:
        content["examples"] = {"example": {"value": op.answer}}
    files: dict[str, Any] = {name: {"schema": {"type": "string"}} for name in op.media}
    if "application/jsonl" in files:
        line = msgspec.json.encode(op.answer).decode() + "\n"
        files["application/jsonl"]["examples"] = {"example": {"value": line}}
    success: dict[str, Any] = {"description": "Success.", "content": files or {"application/json": content}}
    answers: dict[str, Any] = {"200": success}
    answers |= {str(status): {**success, "description": meaning} for status, meaning in op.statuses.items()}
    codes: dict[int, list[str]] = {}
    common = ("internal", *_DATABASE, "not_found") if public else COMMON
    request_errors: tuple[str, ...] = ("invalid_request",)
    if op.request is not None:
        request_errors += ("body_too_large", "unsupported_media_type", "unsupported_encoding")
    if op.idempotent:
        request_errors += ("idempotency_conflict",)
    if "<" in op.path:
        request_errors += ("not_found",)
    for code in dict.fromkeys((*request_errors, *op.errors, *common)):
        codes.setdefault(get_problem_type(code).status, []).append(code)
    for status, names in sorted(codes.items()):
        titles = "; ".join(f"`{name}`: {PROBLEMS[name].title}" for name in names)
        problem = {"application/problem+json": {"schema": schemas[Problem]}}
        answers[str(status)] = {"description": titles, "content": problem}
    return answers


def _path_parameters(path: str) -> list[dict[str, Any]]:
    kinds = {"uuid": {"type": "string", "format": "uuid"}, "int": {"type": "integer", "minimum": 0}}
    parameters = re.findall(r"<(?:([^:<>]+):)?([^<>]+)>", path)
    plain = {"type": "string", "minLength": 1}
    return [{"name": n, "in": "path", "required": True, "schema": kinds.get(kind, plain)} for kind, n in parameters]


def _query_parameters(op: Operation, schemas: dict[Shape, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    if op.query is None:
        return []
    name = schemas[op.query]["$ref"].rsplit("/", 1)[1]
    struct = components[name]
    required = struct.get("required", [])
    return [
        {"name": field, "in": "query", "required": field in required, "schema": _without_null(shape)}
        for field, shape in struct["properties"].items()
    ]


def _without_null(shape: dict[str, Any]) -> dict[str, Any]:
    """Drop null: a query parameter is omitted instead."""
    options = [option for option in shape.get("anyOf", []) if option != {"type": "null"}]
    if not options:
        return {key: value for key, value in shape.items() if key != "default" or value is not None}
    return options[0] if len(options) == 1 else {"anyOf": options}


def _header(name: str, description: str) -> dict[str, Any]:
    shape = {"type": "string", "minLength": 1, "maxLength": 255}
    return {"name": name, "in": "header", "required": False, "description": description, "schema": shape}
