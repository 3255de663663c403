"""Validates a call's parameters against the SDK's declarations (`stripe.params`) and converts their types.

Unknown names at any depth, missing names, wrong types and values outside an enumeration are rejected, as by Stripe.
An empty string is kept where the declaration lets it clear a field. Decimals stay strings.
"""

from __future__ import annotations

import re
import sys
import types
import typing
from decimal import Decimal
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import typing_extensions
from stripe._request_options import RequestOptions

from sandbox.standin.errors import StripeError, invalid, missing_param, unknown_param

_LITERALS = {typing.Literal, typing_extensions.Literal}
_SKIPPED = frozenset(RequestOptions.__annotations__)
_INTEGER, _DECIMAL = re.compile(r"-?\d{1,18}"), re.compile(r"-?\d+(\.\d+)?")


def parse_params(given: dict[str, Any], declared: type | None) -> dict[str, Any]:
    """Convert the parameters; raises 400 `parameter_unknown`, `parameter_missing` and the like."""
    return _struct(given, declared, "") if declared else _parse_undeclared(given)


def _parse_undeclared(given: dict[str, Any]) -> dict[str, Any]:
    for name in given:
        if name != "expand":
            raise unknown_param(name)
    return {"expand": _list(given["expand"], list[str], "expand")} if given else {}


@cache
def _fields(declared: type) -> tuple[dict[str, Any], frozenset[str]]:
    """The fields of a TypedDict with their types, and the required ones, without the SDK's own options."""
    module = vars(sys.modules[declared.__module__])
    own = {name: hint for name, hint in declared.__annotations__.items() if name not in _SKIPPED}
    holder = type("Holder", (), {"__annotations__": own})
    required: frozenset[str] = getattr(declared, "__required_keys__", frozenset())
    return get_type_hints(holder, module), required - _SKIPPED


def _value(given: Any, declared: Any, path: str) -> Any:
    origin = get_origin(declared)
    if origin in {Union, types.UnionType}:
        return _union(given, get_args(declared), path)
    if origin is list:
        return _list(given, declared, path)
    if typing.is_typeddict(declared) or typing_extensions.is_typeddict(declared):
        return _struct(given, declared, path)
    if origin in _LITERALS:
        return _literal(given, get_args(declared), path)
    if declared in _SCALARS:
        return _scalar(given, declared, path)
    return _free(given, get_args(declared)[-1], path)


def _struct(given: Any, declared: type, path: str) -> dict[str, Any]:
    if given == []:
        given = {}
    if not isinstance(given, dict):
        raise invalid(f"Invalid object: {path}", param=path)
    fields, required = _fields(declared)
    for name in given:
        if name not in fields:
            raise unknown_param(_join(path, name))
    for name in sorted(required):
        if name not in given or given[name] == "":
            raise missing_param(_join(path, name))
    return {name: _value(value, fields[name], _join(path, name)) for name, value in given.items()}


def _list(given: Any, declared: Any, path: str) -> list[Any]:
    if isinstance(given, dict):
        if not all(name.isdigit() for name in given):
            raise invalid("Invalid array", param=path)
        given = [given[name] for name in sorted(given, key=int)]
    if not isinstance(given, list):
        raise invalid("Invalid array", param=path)
    (part,) = get_args(declared)
    return [_value(value, part, f"{path}[{index}]") for index, value in enumerate(given)]


def _union(given: Any, parts: tuple[Any, ...], path: str) -> Any:
    """Pick the branch that fits the value; literals next to `str` are exhaustive, like the API's enumerations."""
    words = [word for part in parts if get_origin(part) in _LITERALS for word in get_args(part)]
    if isinstance(given, str):
        if given in words:
            return given
        rest = [part for part in parts if part in _SCALARS and not (part is str and any(words))]
        if not rest:
            return _literal(given, tuple(words), path) if words else _value(given, parts[0], path)
        return _first(given, rest, path)
    shaped = [part for part in parts if get_origin(part) not in _LITERALS and part not in _SCALARS]
    if not shaped:
        raise invalid(f"Invalid string: {path}", param=path)
    return _first(given, shaped, path)


def _first(given: Any, parts: list[Any], path: str) -> Any:
    """The first branch that accepts the value; otherwise the first branch's error."""
    refusal: StripeError | None = None
    for part in parts:
        try:
            return _value(given, part, path)
        except StripeError as error:
            refusal = refusal or error
    raise refusal or invalid("Invalid value", param=path)


def _literal(given: Any, words: tuple[Any, ...], path: str) -> Any:
    if given in words:
        return given
    if given == "":
        raise _empty(path)
    choice = [str(word) for word in words if word != ""]
    listed = choice[0] if len(choice) == 1 else f"{', '.join(choice[:-1])}, or {choice[-1]}" if choice else "empty"
    raise invalid(f"Invalid {path}: must be one of {listed}", param=path)


def _empty(path: str) -> StripeError:
    words = f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter; "
    return invalid(f"{words}however '{path}' cannot be unset.", code="parameter_invalid_empty", param=path)


def _scalar(given: Any, declared: type, path: str) -> Any:
    if not isinstance(given, str):
        raise invalid(f"Invalid {'string' if declared is str else declared.__name__}: {path}", param=path)
    if given == "":
        raise _empty(path)
    return _SCALARS[declared](given, path)


def _int(given: str, path: str) -> int:
    if not _INTEGER.fullmatch(given):
        raise invalid(f"Invalid integer: {given}", code="parameter_invalid_integer", param=path)
    return int(given)


def _bool(given: str, path: str) -> bool:
    if given not in {"true", "false"}:
        raise invalid(f"Invalid boolean: {given}", param=path)
    return given == "true"


def _decimal(given: str, path: str) -> str:
    if not _DECIMAL.fullmatch(given):
        raise invalid(f"Invalid decimal: {given}", param=path)
    return given


_SCALARS: dict[Any, Any] = {str: lambda given, _: given, int: _int, bool: _bool, float: _decimal, Decimal: _decimal}


def _free(given: Any, part: Any, path: str) -> Any:
    """A dict with the caller's own keys, such as metadata."""
    if given == []:
        return {}
    if not isinstance(given, dict):
        raise invalid(f"Invalid hash: {path}", param=path)
    if part is not str:
        return {name: _value(value, part, _join(path, name)) for name, value in given.items()}
    for name, value in given.items():
        if not isinstance(value, str):
            raise invalid(f"Invalid string: {path}", param=_join(path, name))
    return given


def _join(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name
