"""Every action that the code writes has its words, and no words are left over."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from app.audit.actions import ACTIONS, describe_action
from app.settings import PROJECT
from app.subscriptions.changes.models import APPLIED, LOST, REPLACED, UNDONE

_WRITERS = {"app.audit.service", "app.accounts.reads"}
_NAME = re.compile(r"[a-z_]+\.[a-z_]*[a-z]")
_OUTCOMES = {f"subscription.planned_change_{outcome}" for outcome in (APPLIED, LOST, REPLACED, UNDONE)}


def _list_writing() -> Iterator[ast.Module]:
    """The modules that write entries."""
    for file in (PROJECT / "app").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        imported = {each.module for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}
        if imported & _WRITERS or file.name == "reads.py":
            yield tree


def _list_names(tree: ast.Module) -> Iterator[str]:
    for each in ast.walk(tree):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and _NAME.fullmatch(each.value):
            yield each.value


def _list_written(tree: ast.Module) -> Iterator[str]:
    """What is handed to the writer itself, whatever it is about."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in {"write", "audit", "_audit"}:
            yield from (each.value for each in call.args if isinstance(each, ast.Constant) and "." in str(each.value))


def test_every_action_has_its_words() -> None:
    nouns = {name.partition(".")[0] for name in ACTIONS}
    written = {str(name) for tree in _list_writing() for name in _list_written(tree)}
    named = {name for tree in _list_writing() for name in _list_names(tree) if name.partition(".")[0] in nouns}
    assert len(written) > 50
    assert (written | named) - ACTIONS.keys() == set()
    assert ACTIONS.keys() - (written | named | _OUTCOMES) == set()


def test_an_action_of_an_earlier_release_keeps_its_name() -> None:
    assert describe_action("org.created") == "Organisation created"
    assert describe_action("org.folded") == "org.folded"
