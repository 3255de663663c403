"""Routing: `@route` registers an API handler, `@page` a page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class Route:
    """One method and path; `{name}` stands for one segment and is passed by that name."""

    method: str
    pattern: re.Pattern[str]
    variables: int
    handler: Callable[..., Any]
    params: type | None


API: list[Route] = []
PAGES: list[Route] = []


def route(method: str, path: str, params: type | None = None) -> Callable[[Handler], Handler]:
    """`def handler(world, params, **path) -> dict`, inside a change set; `params` are checked against the TypedDict."""
    return _register(API, method, path, params)


def page(method: str, path: str) -> Callable[[Handler], Handler]:
    """`def handler(world, form, **path) -> Page`, inside a change set; `form` holds the query and the fields."""
    return _register(PAGES, method, path, None)


def find(table: list[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route and its path's parts; a literal segment wins over a variable one."""
    fits = [(entry, match) for entry in table if entry.method == method and (match := entry.pattern.fullmatch(path))]
    if not fits:
        return None
    entry, match = min(fits, key=lambda fit: fit[0].variables)
    return entry, match.groupdict()


def _register(table: list[Route], method: str, path: str, params: type | None) -> Callable[[Handler], Handler]:
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))

    def mark(handler: Handler) -> Handler:
        table.append(Route(method, pattern, path.count("{"), handler, params))
        return handler

    return mark
