"""A rule is written once: groups of roles, groups of a subscription's states, which is open, which meters
add up, and lengths of text."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from app.accounts.roles import ROLES
from app.catalog.models import AGGREGATIONS
from app.settings import PROJECT
from app.subscriptions.models import STATES
from tests.house.source import parsed, walked

SQL = re.compile(
    r"\b(?:state|status) (?:NOT )?IN \('[^)]*'past_due'"
    r"|\b(?:FROM|JOIN) subscriptions(?:_offline)?\b(?:(?!\bJOIN\b).)*?\bended_at IS NULL(?! OR)",
    re.DOTALL,
)
LENGTHS = {200, 255, 500}


def groups_of(words: set[str], tree: ast.Module) -> Iterator[str]:
    """The sets, lists and tuples that name two of these words or more, by constants or by names of constants."""
    for node in walked(tree):
        if isinstance(node, ast.Set | ast.List | ast.Tuple):
            named = {word for element in node.elts for word in [_word(element)] if word in words}
            if len(named) > 1:
                yield f"{node.lineno} {', '.join(sorted(named))}"


def _word(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
    return name.lower() if name and name.isupper() else None


def groups_of_roles(tree: ast.Module) -> Iterator[str]:
    return groups_of(set(ROLES), tree)


def groups_of_states(tree: ast.Module) -> Iterator[str]:
    return groups_of(set(STATES) - {"ended", "incomplete"}, tree)


def groups_of_aggregations(tree: ast.Module) -> Iterator[str]:
    return groups_of(set(AGGREGATIONS), tree)


def lengths(tree: ast.Module) -> Iterator[str]:
    for node in walked(tree):
        match node:
            case ast.keyword("max" | "max_length", ast.Constant(most)) if most in LENGTHS:
                yield f"{node.value.lineno} {most}"


def sql(tree: ast.Module) -> Iterator[str]:
    for node in walked(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (f"{node.lineno} {found[0]}" for found in SQL.finditer(node.value))


@pytest.mark.parametrize(
    ("find", "homes"),
    [
        (groups_of_roles, {"app/accounts/roles.py"}),
        (groups_of_states, {f"app/subscriptions/{name}.py" for name in ("states", "models", "changes/timing")}),
        (groups_of_aggregations, {"app/catalog/models.py"}),
        (lengths, {"app/kit/fields.py"}),
        (sql, set()),
    ],
)  # fmt: skip
def test_it_is_written_once(find: Callable[[ast.Module], Iterator[str]], homes: set[str]) -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{line}"
        for path in sorted((PROJECT / "app").rglob("*.py"))
        if path.relative_to(PROJECT).as_posix() not in homes
        for line in find(parsed(path.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("find", "source"),
    [
        (groups_of_roles, "{OWNER, ADMIN}"), (groups_of_roles, "frozenset({roles.OWNER, roles.MEMBER})"),
        (groups_of_roles, "role in ('owner', 'billing')"), (groups_of_roles, "list_members(session, [OWNER, BILLING])"),
        (groups_of_states, "state in {'active', 'past_due'}"), (groups_of_states, "('unpaid', 'paused')"),
        (groups_of_aggregations, "meter.aggregation in {'sum', 'count'}"),
        (lengths, "Length(max=500)"), (lengths, "Meta(min_length=1, max_length=255)"),
        (sql, "text('SELECT id FROM subscriptions WHERE ended_at IS NULL')"),
        (sql, "text(\"WHERE state IN ('active', 'past_due')\")"),
    ],
)  # fmt: skip
def test_a_second_home_is_found(find: Callable[[ast.Module], Iterator[str]], source: str) -> None:
    assert len(list(find(ast.parse(source)))) == 1
