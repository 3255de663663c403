"""The documentation keeps its word: links lead somewhere, lines work when pasted, tables name what the code has."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import cli
from app.catalog import queries
from app.catalog.models import Meter
from app.factory.blueprints import APIS
from app.settings import PROJECT
from app.web.api import Operation
from app.web.database import db
from app.web.problems import PROBLEMS
from tests.factories import have_default_plan, make_key, make_org

PAGES = [*sorted(PROJECT.glob("*.md")), *sorted((PROJECT / "docs").rglob("*.md"))]
OPERATING = (PROJECT / "docs" / "operating.md").read_text(encoding="utf-8")
HOUSE = (PROJECT / "docs" / "house.md").read_text(encoding="utf-8")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
OPERATIONS = {f"{op.method} {op.path}": op for api in APIS for op in api.operations}


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = [link for link in LINK.findall(prose(page)) if not link.startswith(("http://", "https://", "#"))]
    assert [link for link in targets if not (page.parent / link.partition("#")[0]).exists()] == []


def test_decisions_are_numbered_without_gaps_and_say_their_number() -> None:
    files = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    wrong = [
        each.name for each in files if not each.read_text(encoding="utf-8").startswith(f"# {int(each.name[:4])}. ")
    ]
    assert wrong == []


def test_every_test_that_the_security_page_names_exists() -> None:
    page = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
    missing = []
    for line in page.splitlines():
        folder = ""
        for name in re.findall(r"`((?:tests/(?:\w+/)*)?test_\w+\.py)`", line):
            folder = name.rpartition("/")[0] or folder
            if not (PROJECT / folder / name.rpartition("/")[2]).exists():
                missing.append(name)
    assert missing == []


def test_every_test_of_a_mended_fault_exists() -> None:
    listed = re.findall(r"(\S+\.py)::(test_\w+)", (PROJECT / "tests" / "mended.txt").read_text(encoding="utf-8"))
    assert len(listed) > 150
    known: dict[str, set[str]] = {}
    for path, _ in listed:
        if path not in known:
            tree = ast.parse((PROJECT / "tests" / path).read_text(encoding="utf-8"))
            known[path] = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert [f"{path}::{name}" for path, name in listed if name not in known[path]] == []


def environment_names() -> Iterator[str]:
    """Every name that the settings and the embedded server read from the environment."""
    for module in ("app/settings/reading.py", "sandbox/postgres/cluster.py"):
        for node in ast.walk(ast.parse((PROJECT / module).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                words = [each.value for each in node.args if isinstance(each, ast.Constant)]
                yield from (word for word in words if isinstance(word, str) and re.fullmatch("[A-Z][A-Z_]+", word))


@pytest.mark.parametrize("name", sorted(set(environment_names())))
def test_every_name_read_from_the_environment_has_its_row(name: str) -> None:
    assert re.search(rf"^\| [^|]*`{name}`[^|]* \|", OPERATING, re.MULTILINE)


def test_every_name_of_the_table_is_read() -> None:
    table = OPERATING.partition("## Settings")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall("`([A-Z_]+)`", row)} == set(environment_names())


def test_the_rooms_stand_in_the_house_in_the_order_of_the_contract() -> None:
    rows = re.findall(r"^\|[^|]*\| `(\w+)` \|", HOUSE.partition("## Tables and their owners")[0], re.MULTILINE)
    found = {path.name.removesuffix(".py") for path in (PROJECT / "app").iterdir()} - {"__init__", "__pycache__"}
    assert set(rows) == found
    contract = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    floor = {room: n for n, layer in enumerate(contract["layers"]) for room in re.findall(r"\w+", layer)}
    assert [floor[room] for room in rows] == sorted(floor[room] for room in rows)


def test_every_error_code_has_its_page(client: FlaskClient) -> None:
    assert [code for code in PROBLEMS if client.get(f"/docs/problems/{code}").status_code != 200] == []


def commands(app: Flask) -> dict[str, click.Command]:
    """Our own commands by their words; those of Flask and Flask-Migrate have their own documentation."""
    if "doctor" not in app.cli.commands:
        cli.register(app)
    found: dict[str, click.Command] = {}
    for name, command in app.cli.commands.items():
        if isinstance(command, click.Group) and name != "db":
            found.update({f"{name} {verb}": each for verb, each in command.commands.items()})
        elif name != "db":
            found[name] = command
    return found


def test_every_command_helps_with_an_example(app: Flask) -> None:
    without = [
        name for name, each in commands(app).items() if f"Example: flask {name}" not in " ".join(str(each.help).split())
    ]
    assert without == []
    for name in commands(app):
        asked = app.test_cli_runner().invoke(args=[*name.split(), "--help"])
        assert (asked.exit_code, "Example:" in asked.output) == (0, True)


def test_every_command_stands_in_the_table(app: Flask) -> None:
    assert [name for name in commands(app) if f"`{name}" not in OPERATING] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_call_is_described_with_examples_that_it_understands(name: str) -> None:
    op = OPERATIONS[name]
    assert op.summary
    assert op.description.endswith(".")
    msgspec.json.decode(msgspec.json.encode(op.answer), type=op.response, strict=False)
    if op.request is not None:
        assert understood(op)


def understood(op: Operation) -> bool:
    """Whether the request's example is one of the bodies that the call takes."""
    for type_ in get_args(op.request) or (op.request,):
        try:
            msgspec.json.decode(msgspec.json.encode(op.example), type=type_)
        except msgspec.ValidationError:
            continue
        return True
    return False


@pytest.fixture(scope="module")
def key(app: Flask) -> str:
    """A key that may do all, on a plan that knows the meters of the documentation."""
    with app.app_context():
        session = db.session()
        have_default_plan(session)
        known = {meter.key for meter in queries.list_meters(session)}
        missing = {"api_calls", "documents"} - known  # another test's catalogue may have come first
        session.add_all(Meter(key=each, name=each, unit="unit", aggregation="sum") for each in missing)
        session.commit()
        made = make_key(session, make_org(session))
        db.session.remove()
    return made


def curl_lines(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [found for block in blocks for found in re.findall(r"^curl .*?(?:'|\")$", block, re.DOTALL | re.MULTILINE)]


def paste(client: FlaskClient, line: str, key: str) -> tuple[int, Any]:
    """Do what curl would do with the line."""
    words = iter(shlex.split(line.replace("$KEY", key).replace("\\\n", " "))[1:])
    address, body, headers = "", None, {}
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(words)
        elif word.startswith("http://127.0.0.1:5000"):
            address = word.removeprefix("http://127.0.0.1:5000")
    answer = client.open(address, method="GET" if body is None else "POST", headers=headers, data=body)
    return answer.status_code, answer.get_json()


def test_the_first_event_of_the_readme_counts_once(client: FlaskClient, key: str) -> None:
    (line,) = curl_lines(PROJECT / "README.md")
    assert paste(client, line, key) == (200, {"recorded": 1, "duplicates": 0, "refused": []})
    assert paste(client, line, key)[1]["duplicates"] == 1


def test_the_lines_of_the_api_page_work_in_their_order(client: FlaskClient, key: str) -> None:
    page = PROJECT / "docs" / "api.md"
    answers = [paste(client, line, key) for line in curl_lines(page)]
    assert [status for status, _ in answers] == [200] * len(answers)
    shown = json.loads(re.findall(r"```json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[0])
    assert shown in [answer for _, answer in answers]
