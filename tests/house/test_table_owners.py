"""Rooms are sealed for SQL too: a table has one owner, and no other room names it or asks its model."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from app.settings import PROJECT
from migrations.apply_functions import FOLDER
from tests.house.source import parsed, walked

_ROW = re.compile(r"^\| `(\w+)` \| (`\w+`(?:, `\w+`)*) \|$", re.MULTILINE)
_TOKEN = re.compile(r'"?\w+"?|[(),;.%]|::|\S')
_STATEMENT = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|JOIN|TRUNCATE)\b|(?i:^\s*(with|select|insert|update|delete|truncate)\b)"
)
_ENDS = frozenset(
    {
        *("SELECT", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "FETCH", "WINDOW", "UNION", "EXCEPT"),
        *("INTERSECT", "VALUES", "SET", "RETURNING", "LOOP", "THEN", ";"),
    }
)
_BEGINS = frozenset({"FROM", "JOIN", "USING"})
_ONE_NAME = frozenset({"UPDATE", "INTO", "SETOF"})
_NAMES = frozenset({"TABLE", "TRUNCATE"})
_NO_UPDATE = frozenset({"FOR", "KEY", "DO", "ON"})
_MAKERS = frozenset({"table", "Table", "Identifier", "TableClause"})


def owners() -> dict[str, str]:
    """Table to room, from the house's book: `docs/house.md`, "tables and their owners"."""
    book = (PROJECT / "docs" / "house.md").read_text(encoding="utf-8").partition("## Tables and their owners")[2]
    rows = [(room, name) for room, names in _ROW.findall(book) for name in re.findall(r"\w+", names)]
    assert len({name for _, name in rows}) == len(rows), "a table has one owner"
    return {name: room for room, name in rows}


OWNERS = owners()


def tables_named(sql: str) -> set[str]:
    """The names that stand where SQL has a table: after FROM, JOIN, INTO, UPDATE, USING, in lists too; `x%ROWTYPE`."""
    plain = re.sub(r"--.*|/\*.*?\*/", " ", sql.replace("'", " "))
    tokens = [token.strip('"') for token in _TOKEN.findall(plain)]
    reader = Reader()
    for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        reader.read(before.upper(), token, after)
    return reader.found | {token.lower() for token, after in pairwise(tokens) if after == "%"} & OWNERS.keys()


class Reader:
    """Goes through a statement: `lists` says for each open bracket whether a comma leads to another table."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self.lists = [False]
        self.wanted = False

    def read(self, before: str, token: str, after: str) -> None:
        word = token.upper()
        if token in "(),":
            self._bracket(token)
        elif word in _BEGINS and before != "DISTINCT":
            self.lists[-1] = self.wanted = word != "USING" or after != "("
        elif word in _ONE_NAME | _NAMES and not self._is_other(word, before):
            self.wanted, self.lists[-1] = True, word in _NAMES
        elif word in _ENDS:
            self.lists[-1] = self.wanted = False
        elif self.wanted and word not in {"ONLY", "LATERAL", "."} and after != ".":
            self.found.add(token)
            self.wanted = False

    def _bracket(self, token: str) -> None:
        if token == "(":
            self.lists.append(self.wanted)
            return
        if token == ")":
            self.lists[:] = self.lists[:-1] or [False]
        self.wanted = token == "," and self.lists[-1]

    @staticmethod
    def _is_other(word: str, before: str) -> bool:
        """FOR UPDATE, ON UPDATE and DO UPDATE name nothing; SELECT INTO of PL/pgSQL names a variable."""
        return before in _NO_UPDATE if word == "UPDATE" else word == "INTO" and before not in {"INSERT", "MERGE"}


def strings(tree: ast.Module) -> Iterator[str]:
    """Every string of a module, an f-string as one with a word in each hole; docstrings are prose."""
    prose = {
        id(body[0].value)
        for node in walked(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and (body := node.body)
        and isinstance(body[0], ast.Expr)
    }
    parts = {id(part) for node in walked(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in walked(tree):
        if isinstance(node, ast.JoinedStr):
            yield " ".join(str(part.value) if isinstance(part, ast.Constant) else "hole" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose | parts:
            yield node.value


def told_by_name(tree: ast.Module) -> set[str]:
    """Tables that a call makes from their name: `table("orgs")`, `Identifier("orgs")`."""
    return {
        str(node.args[0].value)
        for node in walked(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) in _MAKERS
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def leaks_of_python(source: str, room: str) -> set[str]:
    """The tables of other rooms that a module's SQL names."""
    tree = parsed(source)
    named = told_by_name(tree).union(*(tables_named(each) for each in strings(tree) if _STATEMENT.search(each)))
    return {name for name in named if OWNERS.get(name, room) != room}


def room_of(path: Path) -> str:
    """`app/<room>/…`; a module beside the rooms is a room of its own, and `sandbox` is one."""
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return parts[1] if parts[0] == "app" else parts[0]


PYTHON = [path for root in ("app", "sandbox") for path in sorted((PROJECT / root).rglob("*.py"))]


def test_no_room_names_a_table_of_another_in_its_python() -> None:
    found = {}
    for path in PYTHON:
        if names := leaks_of_python(path.read_text(encoding="utf-8"), room_of(path)):
            found[str(path.relative_to(PROJECT))] = sorted(names)
    assert found == {}


def test_no_function_names_a_table_of_another_room() -> None:
    found = {}
    for path in sorted(FOLDER.rglob("*.sql")):
        relative = path.relative_to(FOLDER)
        named = tables_named(path.read_text(encoding="utf-8"))
        if names := {name for name in named if OWNERS.get(name, relative.parts[0]) != relative.parts[0]}:
            found[str(relative)] = sorted(names)
    assert found == {}


def models() -> dict[str, tuple[str, str]]:
    """Class to room and table of each mapped class."""
    return {
        node.name: (room_of(path), str(each.value.value))
        for path in PYTHON
        for node in walked(parsed(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        for each in node.body
        if isinstance(each, ast.Assign)
        and getattr(each.targets[0], "id", "") == "__tablename__"
        and isinstance(each.value, ast.Constant)
    }


MODELS = models()


def annotations(tree: ast.Module) -> set[int]:
    """Every node within an annotation: no code runs there, since annotations are not read."""
    roots = [
        each
        for node in walked(tree)
        for each in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if each is not None
    ]
    return {id(node) for root in roots for node in ast.walk(root)}


def models_asked(source: str, room: str) -> set[str]:
    """The models of other rooms that a module uses other than in annotations, by their own name or by another."""
    tree = parsed(source)
    foreign, found = {}, set()
    for node in walked(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("app."):
            for alias in node.names:
                if MODELS.get(alias.name, (room, ""))[0] != room:
                    foreign[alias.asname or alias.name] = alias.name
                elif re.fullmatch(r"\w*models", alias.name) and str(node.module).split(".")[1] != room:
                    found.add(f"{node.module}.{alias.name}")
    free = annotations(tree)
    for node in walked(tree):
        if isinstance(node, ast.Name) and node.id in foreign and id(node) not in free:
            found.add(foreign[node.id])
        elif isinstance(node, ast.Attribute) and MODELS.get(node.attr, (room, ""))[0] != room and id(node) not in free:
            found.add(node.attr)
    return found


def test_models_of_other_rooms_stand_in_annotations_only() -> None:
    found = {}
    for path in PYTHON:
        if names := models_asked(path.read_text(encoding="utf-8"), room_of(path)):
            found[str(path.relative_to(PROJECT))] = sorted(names)
    assert found == {}


def test_the_book_of_owners_is_that_of_the_models() -> None:
    assert {table: OWNERS.get(table) for _, table in MODELS.values()} == {
        table: room for room, table in MODELS.values()
    }


def test_the_book_of_owners_has_every_table(database: str) -> None:
    """Partitions are their parent's."""
    asked = (
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"
    )
    with psycopg.connect(database) as connection:
        assert [name for (name,) in connection.execute(asked)] == sorted(OWNERS)


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT orgs.id FROM orgs", "orgs"),
        ("SELECT a FROM x, orgs o JOIN ONLY users u ON f(u.id, o.id) = 1, LATERAL (SELECT 1 FROM meters) m",
         "x orgs users meters"),
        ("SELECT (SELECT count(*) FROM orgs), users, meters FROM x", "orgs x"),
        ("SELECT sessions, count(users) FROM f(orgs, plans) g WHERE meters > 1", "f"),
        ("INSERT INTO orgs (name) SELECT users FROM x ON CONFLICT (name) DO UPDATE SET name = 'y'", "orgs x"),
        ("UPDATE orgs o SET name = u.name FROM users u WHERE meters IS DISTINCT FROM plans", "orgs users"),
        ("DELETE FROM orgs USING users WHERE x IN (1, 2)", "orgs users"),
        ("SELECT 1 FROM x JOIN orgs USING (users, meters) FOR UPDATE OF plans", "x orgs"),
        ("SELECT 1 FROM (orgs o LEFT JOIN users u ON true), meters", "orgs users meters"),
        ('SELECT 1 FROM public."orgs" -- FROM users\n', "orgs"),
        ("TRUNCATE TABLE orgs, users", "orgs users"),
        ("DECLARE row orgs%ROWTYPE; BEGIN SELECT a, b INTO users, meters FROM x; END", "orgs x"),
        ("EXECUTE format('DELETE FROM orgs')", "orgs"),
    ],
)  # fmt: skip
def test_tables_are_found_where_they_stand(sql: str, named: str) -> None:
    assert tables_named(sql) == set(named.split())


@pytest.mark.parametrize(
    ("source", "leaks"),
    [
        ('"""FROM orgs."""\nx = "SELECT 1 FROM " "orgs"', {"orgs"}),
        ('x = f"SELECT {a} FROM orgs, {b} users"', {"orgs"}),
        ('x = "JOIN orgs ON true"; y = table("meters"); z = "from users"', {"orgs", "meters"}),
        ('x = text("select 1 from orgs")', {"orgs"}),
        ('x = "SELECT 1 FROM usage_events"', set()),
    ],
)
def test_leaks_are_named(source: str, leaks: set[str]) -> None:
    assert leaks_of_python(source, "metering") == leaks


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("from app.accounts.models import Org\ndef f(org: Org) -> list[Org]: ...\nx: Org", set()),
        ("from app.accounts.models import Org\nx = select(Org)", {"Org"}),
        ("from app.accounts.models import Org as O\nx = session.get(O, 1)", {"Org"}),
        ("from app.accounts import models", {"app.accounts.models"}),
        ("from app.accounts import queries\nx = select(queries.Org)", {"Org"}),
        ("from app.metering.models import UsageEvent\nx = select(UsageEvent)", set()),
    ],
)
def test_models_that_are_asked_are_named(source: str, asked: set[str]) -> None:
    assert models_asked(source, "metering") == asked
