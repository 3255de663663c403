"""No circle of imports, inside rooms too; and a class name that means one thing in the whole of `app`."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from app.settings import PROJECT
from tests.house.source import parsed

ROOTS = ("app", "sandbox")


def name_of(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {
    name_of(path): parsed(path.read_text(encoding="utf-8"))
    for root in ROOTS
    for path in sorted((PROJECT / root).rglob("*.py"))
}


def imported(node: ast.AST) -> Iterator[str]:
    """The modules of ours that a statement imports, wherever it stands: under TYPE_CHECKING and in functions too."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in TREES)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            if whole in TREES:
                yield whole
            elif node.module in TREES:
                yield node.module


def graph() -> dict[str, set[str]]:
    return {
        module: {found for node in ast.walk(tree) for found in imported(node)} - {module}
        for module, tree in TREES.items()
    }


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan, SIAM J. Comput. 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in edges.get(module, ()):
            if other not in order:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], order[other])
        if low[module] == order[module]:
            cut = stack.index(module)
            if len(stack) - cut > 1:
                found.append(sorted(stack[cut:]))
            del stack[cut:]

    for module in edges:
        if module not in order:
            visit(module)
    return found


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


def test_no_modules_import_one_another_in_a_circle() -> None:
    edges = graph()
    assert sum(map(len, edges.values())) > 1000
    assert circles(edges) == []


def test_a_class_name_means_one_thing_in_the_whole_app() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module, tree in TREES.items():
        if module.split(".")[0] == "app":
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}
