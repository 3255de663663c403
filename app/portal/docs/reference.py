"""The API reference's view of an OpenAPI document: flat lists that a template can show. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
_DEPTH = 4
_SAMPLE_KEY = "$TOLLKEEPER_KEY"


@dataclass(frozen=True)
class Field:
    """One field of a body or one parameter; nested ones carry their path: `meters[].used`."""

    name: str
    type: str
    required: bool
    note: str = ""


@dataclass(frozen=True)
class Call:
    """One operation, as the reference shows it."""

    method: str
    path: str
    anchor: str
    summary: str
    notes: list[str]
    scope: str | None
    parameters: list[Field]
    body: list[Field]
    answer: list[Field]
    answer_note: str
    curl: str
    sample: str
    problems: list[tuple[str, list[str]]] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """The calls of one subject."""

    title: str
    anchor: str
    calls: list[Call]


def reference(document: Document) -> list[Group]:
    """Every operation of the document, grouped by the first word of its path, in the document's order."""
    groups: dict[str, list[Call]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(_subject(path), []).append(_call(document, path, method, operation))
    return [Group(name.replace("-", " ").capitalize(), name, calls) for name, calls in groups.items()]


def _subject(path: str) -> str:
    return path.removeprefix("/api/v1/").split("/")[0]


def _call(document: Document, path: str, method: str, operation: Document) -> Call:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    answer = operation["responses"]["200"].get("content", {}).get("application/json", {})
    words, scope = _description(operation.get("description", ""))
    parameters = [
        Field(each["name"], _type(document, each["schema"]), each.get("required", False), _where(each))
        for each in operation.get("parameters", [])
    ]
    return Call(
        method=method.upper(),
        path=path,
        anchor=operation["operationId"].replace(".", "-"),
        summary=operation["summary"],
        notes=words,
        scope=scope,
        parameters=parameters,
        body=fields(document, body.get("schema")),
        answer=fields(document, answer.get("schema")),
        answer_note=str(_plain(document, answer.get("schema", {})).get("description", "")),
        curl=_curl(document, path, method, _example(body), public=scope is None),
        sample=_pretty(_example(answer)),
        problems=_problems(operation["responses"]),
    )


def _where(parameter: Document) -> str:
    return str(
        parameter.get("description") or {"path": "in the path", "query": "in the query"}.get(parameter["in"], "")
    )


def _description(text: str) -> tuple[list[str], str | None]:
    """The paragraphs, and the scope, which the document writes as its last one."""
    paragraphs = [each.strip() for each in text.split("\n\n") if each.strip()]
    scope = None
    if paragraphs and paragraphs[-1].startswith("Needs the scope `"):
        scope = paragraphs.pop().split("`")[1]
    return paragraphs, scope


def fields(document: Document, schema: Document | None) -> list[Field]:
    """The schema's fields as one flat list, nested ones with their path."""
    return _walk(document, schema or {}, "", 0)


def _walk(document: Document, schema: Document, prefix: str, depth: int) -> list[Field]:
    shape = _plain(document, schema)
    if depth >= _DEPTH:
        return []
    if shape.get("type") == "array" and depth == 0:
        return _walk(document, shape.get("items", {}), "[].", 1)
    found: list[Field] = []
    required = set(shape.get("required", []))
    for name, inner in shape.get("properties", {}).items():
        plain = _plain(document, inner)
        many = plain.get("type") == "array"
        deeper = plain.get("items", {}) if many else plain
        note = _note(inner) or str(_plain(document, deeper).get("description", ""))
        found.append(Field(prefix + name, _type(document, inner), name in required, note))
        found += _walk(document, deeper, f"{prefix}{name}{'[]' if many else ''}.", depth + 1)
    return found


def _plain(document: Document, schema: Document) -> Document:
    """The schema itself: references followed, `null` taken off a choice of two."""
    if "$ref" in schema:
        return _plain(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    options = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    return _plain(document, options[0]) if len(options) == 1 else schema


def _note(schema: Document) -> str:
    default = schema.get("default")
    said = str(schema.get("description", ""))
    if default in (None, "", [], {}):
        return said
    return f"{said} Default {json.dumps(default)}.".strip()


def _type(document: Document, schema: Document) -> str:
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(_type(document, each) for each in options))
    if "$ref" in schema:
        return _type(document, _plain(document, schema))
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(document, schema.get('items', {}))}"
    return {"date-time": "time", "date": "date", "decimal": "decimal", "uuid": "id"}.get(schema.get("format", ""), kind)


def _example(content: Document) -> Any:
    for each in content.get("examples", {}).values():
        return each.get("value")
    return None


def _pretty(value: Any) -> str:
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)


def _curl(document: Document, path: str, method: str, body: Any, *, public: bool) -> str:
    words = [f"curl {document['servers'][0]['url']}{path}"]
    if method != "get":
        words[0] = words[0].replace("curl ", f"curl -X {method.upper()} ")
    if not public:
        words.append(f'-H "Authorization: Bearer {_SAMPLE_KEY}"')
    if body is not None:
        words.append('-H "Content-Type: application/json"')
        words.append(f"-d '{json.dumps(body, ensure_ascii=False)}'")
    return " \\\n  ".join(words)


def _problems(responses: Document) -> list[tuple[str, list[str]]]:
    """The refusals: status and its codes, which the document writes between backticks."""
    return [
        (status, each["description"].split("`")[1::2])
        for status, each in responses.items()
        if not status.startswith("2")
    ]
