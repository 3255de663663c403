"""Routing: `@route` registers an API handler, `@page` a page handler."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class Route:
    """A method and path; `{name}` matches one segment, passed under that name."""

    method: str
    pattern: re.Pattern[str]
    variables: int
    handler: Callable[..., Any]
    params: type | None


API: list[Route] = []
PAGES: list[Route] = []


def route(method: str, path: str, params: type | None = None) -> Callable[[Handler], Handler]:
    """Register `def handler(world, params, **path) -> dict`, run in a change set with validated `params`."""
    return _register(API, method, path, params)


def page(method: str, path: str) -> Callable[[Handler], Handler]:
    """Register `def handler(world, form, **path) -> Page`, run in a change set; `form` holds query and form fields."""
    return _register(PAGES, method, path, None)


def find(table: list[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Find the route and its path variables; literal segments win over variables."""
    matches = [(entry, match) for entry in table if entry.method == method and (match := entry.pattern.fullmatch(path))]
    if not matches:
        return None
    entry, match = min(matches, key=lambda candidate: candidate[0].variables)
    return entry, match.groupdict()


def _register(table: list[Route], method: str, path: str, params: type | None) -> Callable[[Handler], Handler]:
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))

    def mark(handler: Handler) -> Handler:
        table.append(Route(method, pattern, path.count("{"), handler, params))
        return handler

    return mark
