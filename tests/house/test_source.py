"""Rules of the house that the source itself can be asked."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import PROJECT
from tests.house.source import parsed, walked

APP = PROJECT / "app"
TEMPLATES = PROJECT / "templates"
MAY_END_TRANSACTIONS = {
    "commit": {"kit/db.py"},
    "rollback": {"kit/db.py", "kit/postgres/connections.py", "web/database.py"},
}
MAY_ASK_TIME = {"kit/clock.py"}
ASKS_TIME = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
_ASKING = {words.split(".")[1] for words in ASKS_TIME}
# Flask itself gives `HX-Request` to the error map, which must not import the pages it may be failing in.
MAY_READ_HTMX = {"web/pages.py", "web/errors.py"}


def modules() -> Iterator[tuple[str, ast.Module, str]]:
    for path in sorted(APP.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(APP).as_posix(), parsed(text), text


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in walked(tree) if isinstance(node, ast.Call))


def asks_time(node: ast.AST) -> bool:
    may = isinstance(node, ast.Attribute) and node.attr in _ASKING  # which is told sooner than the whole
    return may and ast.unparse(node) in ASKS_TIME


def test_only_the_helpers_of_the_database_commit_or_roll_back() -> None:
    found = [
        f"app/{name}:{call.lineno} {call.func.attr}"
        for name, tree, _ in modules()
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute) and name not in MAY_END_TRANSACTIONS.get(call.func.attr, {name})
    ]
    assert found == []


def test_only_the_clock_asks_for_the_time() -> None:
    found = [
        f"app/{name}:{call.lineno}"
        for name, tree, _ in modules()
        if name not in MAY_ASK_TIME
        for call in calls(tree)
        if asks_time(call.func)
    ]
    assert found == []


def test_no_test_asks_what_day_it_is() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{node.lineno}"
        for path in sorted((PROJECT / "tests").rglob("*.py"))
        if path != PROJECT / "tests" / "today.py"
        and any(words in (text := path.read_text(encoding="utf-8")) for words in ASKS_TIME)
        for node in ast.walk(ast.parse(text))
        if asks_time(node)
    ]
    assert found == []


def test_htmx_headers_are_read_in_one_place() -> None:
    assert [name for name, _, text in modules() if "HX-" in text and name not in MAY_READ_HTMX] == []


def test_app_package_is_empty() -> None:
    assert (APP / "__init__.py").read_text() == ""


def test_every_public_function_states_its_contract() -> None:
    found = [
        f"app/{name}:{node.lineno} {node.name}"
        for name, tree, _ in modules()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert found == []


FORBIDDEN_IN_TEMPLATES = {
    "inline style": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "inline script": re.compile(r"<script(?![^>]*\ssrc=)", re.IGNORECASE),
    "event handler": re.compile(r"\son[a-z]+\s*=\s*[\"']", re.IGNORECASE),
    "hx-on or js:": re.compile(r"hx-on|js:", re.IGNORECASE),
    "unescaped output": re.compile(r"\|\s*safe\b|autoescape\s+false", re.IGNORECASE),
    "trigger filter": re.compile(r"hx-trigger=\"[^\"]*\["),
}


@pytest.mark.parametrize("what", FORBIDDEN_IN_TEMPLATES)
def test_templates_are_free_of(what: str) -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{number}"
        for path in sorted(TEMPLATES.rglob("*.html"))
        if "email" not in path.parts  # mail clients know no stylesheets; css-inline makes the styles there
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if FORBIDDEN_IN_TEMPLATES[what].search(line)
    ]
    assert found == []


def test_the_top_level_holds_what_the_house_plan_names() -> None:
    planned = {
        "app", "templates", "static", "migrations", "tests", "wsgi.py", "pyproject.toml", "sandbox",
        "catalogs", "bench",
        "docs", "Makefile", "README.md", "CONTRIBUTING.md", "Dockerfile", "compose.yaml", "CHANGELOG.md", "LICENSE",
        "requirements.lock", "requirements-dev.lock",
    }  # fmt: skip
    made = {"instance", "node_modules"}
    here = {path.name for path in PROJECT.iterdir() if not path.name.startswith((".", "__"))}
    assert here - planned - made == set()


def test_nothing_names_the_machine_it_was_written_on() -> None:
    told = re.compile(
        "|".join(["/work/" + "main", "/work/" + "shared", r"files\." + "pythonhosted", "registry" + r"\.npmjs"])
    )
    found = [
        str(p.relative_to(PROJECT)) for p in texts() if told.search(p.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert found == []


def texts() -> Iterator[Path]:
    left = {".git", ".venv", "instance", "node_modules", ".mypy_cache", ".ruff_cache", ".hypothesis", "__pycache__"}
    known = {".py", ".md", ".toml", ".lock", ".html", ".css", ".js", ".sql", ".yaml", ".txt"}
    for folder, folders, files in os.walk(PROJECT):
        folders[:] = sorted(set(folders) - left)
        yield from (Path(folder, name) for name in sorted(files) if Path(name).suffix in known)
