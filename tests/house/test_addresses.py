"""Nobody writes the address of one of our pages: `url_for`, `path_to` and `absolute_url` ask the routes for it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from werkzeug.routing import MapAdapter

from app.settings import PROJECT
from tests.house.source import parsed
from tests.web.stage import stage

# What a placeholder may stand for in a path.
FILLED = ("x", "0199c2f0-0000-7000-8000-000000000001")
QUOTED = re.compile(r"""(?<=["'])(?:/[^"'\s]*)(?=["'])""")
EXPRESSION = re.compile(r"\{\{.*?\}\}")


@cache
def routes() -> MapAdapter:
    return stage().url_map.bind("")


def is_ours(text: str) -> bool:
    """Whether the text is the path of a page, with or without query and fragment."""
    path = re.split(r"[?#]", text.removeprefix("{}"))[0]
    if not path.startswith("/") or re.search(r"\s", path):
        return False
    return any(routes().test(path.replace("{}", each), method) for each in FILLED for method in ("GET", "POST"))


def literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every text but where routes are declared, in decorators and prefixes of blueprints."""
    left: set[int] = set()
    for node in ast.walk(tree):  # from the outside in
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            left |= {id(each) for decorator in node.decorator_list for each in ast.walk(decorator)}
        if id(node) in left:
            continue
        if isinstance(node, ast.keyword) and node.arg == "url_prefix":
            left.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            left |= {id(each) for each in ast.walk(node)}
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize(("text", "ours"), [
    ("/plans", True), ("/plans?interval=year", True), ("/billing#history", True), ("{}/billing/upgrade/{}", True),
    ("/settings/keys/{}/revoke", True), ("/sign-out", True), ("/api/v1/usage/events", False),
    ("See /admin/inbox.", False), ("/webhooks/", False), ("plans", False),
])  # fmt: skip
def test_addresses_are_told_from_other_texts(text: str, ours: bool) -> None:
    assert is_ours(text) is ours


def test_python_asks_the_routes_for_addresses() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{line} {text}"
        for path in sorted((PROJECT / "app").rglob("*.py"))
        for line, text in literals(parsed(path.read_text(encoding="utf-8")))
        if is_ours(text) and text != "/"
    ]
    assert found == []


def test_templates_ask_the_routes_for_addresses() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{number} {text}"
        for path in sorted((PROJECT / "templates").rglob("*.*"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for text in QUOTED.findall(EXPRESSION.sub(lambda it: "{}" if "/" not in it[0] else it[0], line))
        if is_ours(text)
    ]
    assert found == []
