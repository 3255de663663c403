"""Every template is rendered by somebody, every macro is called, and nothing is imported for nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from jinja2 import Environment, nodes
from jinja2.meta import find_referenced_templates

from app.settings import PROJECT
from tests.house.source import parsed, walked

TEMPLATES = PROJECT / "templates"
# It shows every component, so it is no user of one.
STYLE_GUIDE = "docs/style.html"
WAITING: set[str] = set()


@cache
def trees() -> dict[str, nodes.Template]:
    parse = Environment(autoescape=True).parse
    return {
        path.relative_to(TEMPLATES).as_posix(): parse(path.read_text(encoding="utf-8"))
        for path in sorted(TEMPLATES.rglob("*.*"))
        if path.suffix != ".typ"  # Typst's, which reads its data as JSON
    }


def literals() -> set[str]:
    """Every text of the application's code, and each as the name of a mail."""
    texts = {
        node.value
        for path in (PROJECT / "app").rglob("*.py")
        for node in walked(parsed(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return texts | {f"email/{text}.{kind}" for text in texts for kind in ("html", "txt")}


def named(tree: nodes.Node) -> set[str]:
    """The names that a template reads, its own imports left aside."""
    return {each.name for each in tree.find_all(nodes.Name) if each.ctx == "load"}


def imports(tree: nodes.Template) -> Iterator[tuple[str, str, str]]:
    """(template, macro, name here) of each `from … import`."""
    for each in tree.find_all(nodes.FromImport):
        assert isinstance(each.template, nodes.Const)
        for name in each.names:
            macro, here = name if isinstance(name, tuple) else (name, name)
            yield each.template.value, macro, here


def test_every_template_is_rendered_or_part_of_one_that_is() -> None:
    reached: set[str] = set()
    left = trees().keys() & literals()
    while left:
        reached |= left
        left = {other for name in left for other in find_referenced_templates(trees()[name]) if other} - reached
    assert sorted(trees().keys() - reached) == []


def test_every_macro_is_called() -> None:
    called = {
        (source, macro)
        for name, tree in trees().items()
        if name != STYLE_GUIDE
        for source, macro, here in imports(tree)
        if here in named(tree)
    }
    found = [
        f"{name}: {macro.name}"
        for name, tree in trees().items()
        for macro in tree.find_all(nodes.Macro)
        if (name, macro.name) not in called and macro.name not in named(tree)
    ]
    assert set(found) == WAITING


def test_every_import_is_used() -> None:
    found = [
        f"{name}: {here}" for name, tree in trees().items() for _, _, here in imports(tree) if here not in named(tree)
    ]
    assert found == []
