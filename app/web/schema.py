"""JSON Schemas of the API's structs, as the reference shows them."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Raw

REF = "#/components/schemas/{name}"
Quantity = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{1,15}(\.[0-9]{1,6})?$",
        extra_json_schema={"type": ["string", "integer"], "minimum": 0, "maximum": 10**15 - 1},
        description="A decimal as text or as a JSON number: below 10^15, at most 6 places, no exponent.",
    ),
]


def schemas(declared: list[Any]) -> tuple[dict[int, Any], dict[str, Any]]:
    """The schema of each declared type, by its identity, and the components that they refer to.

    A union of structs, which msgspec takes only when tagged, becomes `anyOf`.
    """
    twins: dict[Any, Any] = {}
    parts = list(dict.fromkeys(_documented(part, twins) for each in declared for part in _parts(each)))
    found, components = msgspec.json.schema_components(parts, ref_template=REF)
    known = dict(zip([id(part) for part in parts], found, strict=True))
    by_type = {}
    for each in declared:
        options = [known[id(_documented(part, twins))] for part in _parts(each)]
        by_type[id(each)] = options[0] if len(options) == 1 else {"anyOf": options}
    return by_type, components


def _parts(type_: Any) -> tuple[Any, ...]:
    return get_args(type_) if isinstance(type_, UnionType) else (type_,)


def _documented(type_: Any, twins: dict[Any, Any]) -> Any:
    """The type with every field that is parsed by hand (`Raw`) replaced by what may stand there."""
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        if type_ not in twins:
            twins[type_] = _twin(type_, twins)
        return twins[type_]
    origin, inside = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return Quantity if inside[0] is Raw else Annotated[(_documented(inside[0], twins), *inside[1:])]
    if origin in {Union, UnionType}:
        return Union[tuple(_documented(each, twins) for each in inside)]  # noqa: UP007  (made from a tuple)
    if origin in {list, tuple, dict}:
        return origin[tuple(_documented(each, twins) for each in inside)]
    return type_


def _twin(struct: type[msgspec.Struct], twins: dict[Any, Any]) -> Any:
    hints = get_type_hints(struct, include_extras=True)
    if not _holds_raw(struct):
        return struct
    fields: list[Any] = []
    for each in msgspec.structs.fields(struct):
        hint = hints[each.name]
        if hint is Raw or (get_origin(hint) is Annotated and get_args(hint)[0] is Raw):
            fields.append(_by_hand(each, hint))
        elif each.required:
            fields.append((each.name, _documented(hint, twins)))
        else:
            fields.append((each.name, _documented(hint, twins), each.default))
    made = msgspec.defstruct(struct.__name__, fields, kw_only=True, forbid_unknown_fields=True)
    made.__doc__ = struct.__doc__
    return made


def _by_hand(field: Any, hint: Any) -> tuple[Any, ...]:
    """What may stand in a field that is parsed by hand: an object, or a quantity, or null where its words say so."""
    said = [meta.extra_json_schema or {} for meta in get_args(hint)[1:] if isinstance(meta, Meta)]
    kinds = next((each["type"] for each in said if "type" in each), "number")
    if field.name == "metadata" or kinds == "object":
        return (field.name, dict[str, Any]) if field.required else (field.name, dict[str, Any], {})
    shape: Any = Quantity | None if "null" in kinds else Quantity
    if field.required:
        return field.name, shape
    default = field.default if isinstance(field.default, Raw) else field.default_factory()
    text = bytes(default).decode()
    return field.name, shape, text if text not in {"", "null"} else "1"


def _holds_raw(hint: Any, above: frozenset[Any] = frozenset()) -> bool:
    """Whether a `Raw` stands anywhere in it; `above` are the structs around, for those that hold their own kind."""
    if hint is Raw:
        return True
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        inside = [] if hint in above else list(get_type_hints(hint, include_extras=True).values())
        return any(_holds_raw(each, above | {hint}) for each in inside)
    return any(_holds_raw(each, above) for each in get_args(hint) if isinstance(each, type) or get_origin(each))
