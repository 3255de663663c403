"""Flattens an OpenAPI document into lists for the API reference's template. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
_DEPTH = 4
_SAMPLE_KEY = "$TOLLKEEPER_KEY"


@dataclass(frozen=True)
class Field:
    """A body field or parameter; nested fields are named by path: `meters[].used`."""

    name: str
    type: str
    required: bool
    note: str = ""


@dataclass(frozen=True)
class Call:
    """One operation of the reference."""

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
    """The calls of one resource."""

    title: str
    anchor: str
    calls: list[Call]


def build_reference(document: Document) -> list[Group]:
    """All operations in document order, grouped by the first segment of their path."""
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
        Field(
            parameter["name"], _type(document, parameter["schema"]), parameter.get("required", False), _where(parameter)
        )
        for parameter in operation.get("parameters", [])
    ]
    return Call(
        method=method.upper(),
        path=path,
        anchor=operation["operationId"].replace(".", "-"),
        summary=operation["summary"],
        notes=words,
        scope=scope,
        parameters=parameters,
        body=list_fields(document, body.get("schema")),
        answer=list_fields(document, answer.get("schema")),
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
    """The description's paragraphs, and the scope, which the document puts in the last paragraph."""
    paragraphs = [paragraph.strip() for paragraph in text.split("\n\n") if paragraph.strip()]
    scope = None
    if paragraphs and paragraphs[-1].startswith("Needs the scope `"):
        scope = paragraphs.pop().split("`")[1]
    return paragraphs, scope


def list_fields(document: Document, schema: Document | None) -> list[Field]:
    """The schema's fields as a flat list, nested fields named by path.

    Of several schemas, the first one's, then the outermost fields of those that may be sent instead.
    """
    first, *others = _options(schema or {}) or [{}]
    fields = _walk(document, first, "", 0)
    for other in others:
        shape = _plain(document, other)
        note = f"Instead of the fields above. {shape.get('description', '')}".strip()
        fields += [Field(name, _type(document, inner), False, note) for name, inner in shape["properties"].items()]
    return fields


def _walk(document: Document, schema: Document, prefix: str, depth: int) -> list[Field]:
    shape = _plain(document, schema)
    if depth >= _DEPTH:
        return []
    if shape.get("type") == "array" and depth == 0:
        return _walk(document, shape.get("items", {}), "[].", 1)
    fields: list[Field] = []
    required = set(shape.get("required", []))
    for name, inner in shape.get("properties", {}).items():
        plain = _plain(document, inner)
        many = plain.get("type") == "array"
        deeper = plain.get("items", {}) if many else plain
        note = _note(inner) or str(_plain(document, deeper).get("description", ""))
        fields.append(Field(prefix + name, _type(document, inner), name in required, note))
        fields += _walk(document, deeper, f"{prefix}{name}{'[]' if many else ''}.", depth + 1)
    return fields


def _plain(document: Document, schema: Document) -> Document:
    """Resolve references, and unwrap a schema that is only made nullable."""
    if "$ref" in schema:
        return _plain(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    options = _options(schema)
    return _plain(document, options[0]) if "anyOf" in schema and len(options) == 1 else schema


def _options(schema: Document) -> list[Document]:
    """The schemas of which a value fits one, other than null."""
    return [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]


def _note(schema: Document) -> str:
    default = schema.get("default")
    text = str(schema.get("description", ""))
    if default in (None, "", [], {}):
        return text
    return f"{text} Default {json.dumps(default)}.".strip()


def _type(document: Document, schema: Document) -> str:
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(_type(document, option) for option in options))
    if "$ref" in schema:
        return _type(document, _plain(document, schema))
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(document, schema.get('items', {}))}"
    return {"date-time": "time", "date": "date", "decimal": "decimal", "uuid": "id"}.get(schema.get("format", ""), kind)


def _example(content: Document) -> Any:
    for example in content.get("examples", {}).values():
        return example.get("value")
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
    """Error responses: status and codes; the document lists the codes in backticks."""
    return [
        (status, response["description"].split("`")[1::2])
        for status, response in responses.items()
        if not status.startswith("2")
    ]
