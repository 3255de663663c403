"""The stylesheet: small files by layer, joined into one sheet that browsers keep for ever."""

from __future__ import annotations

import gzip
import re
from itertools import chain
from pathlib import Path

import pytest
from flask import Flask

from app.factory import assets
from app.factory.application import Portal
from app.settings import PROJECT

CSS = PROJECT / "static" / "css"
FILES = sorted(CSS.rglob("*.css"))
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# Classes that are put together from a kind, a state or a number: class="badge is-{{ tone }}".
MADE_UP = re.compile(r"(?:is|tone|at|level)-")
WRITTEN = re.compile(r"""class="((?:\{\{.*?\}\}|\{%.*?%\}|[^"])*)"|_class %\}(.*?)\{%""")


def name(path: Path) -> str:
    return path.relative_to(CSS).as_posix()


@pytest.fixture
def portal() -> Flask:
    return Portal("portal", root_path=str(PROJECT), static_folder="static")


def test_every_file_is_in_one_layer() -> None:
    joined = list(chain.from_iterable(assets.sheets(layer) for layer in assets.LAYERS))
    assert sorted(joined) == FILES
    assert len(joined) == len(set(joined))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_is_written_one_declaration_a_line(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 120] == []
    bare = COMMENT.sub("", path.read_text(encoding="utf-8"))
    assert [line for line in bare.splitlines() if re.search(r"[;{}].*\S", line.rstrip()) and line.strip() != "}"] == []
    assert "@layer" not in bare, "a file's place names its layer"


def test_the_sheet_is_within_its_budget() -> None:
    assert len(gzip.compress(assets.stylesheet(), 9)) <= 15 * 1024


def test_the_order_of_the_layers_is_declared_first() -> None:
    sheet = assets.stylesheet().decode()
    assert sheet.startswith(f"@layer {', '.join(assets.LAYERS)};\n")
    assert re.findall(r"^@layer (\w+) \{", sheet, re.MULTILINE) == list(assets.LAYERS)
    assert sheet.count("{") == sheet.count("}")


def test_the_sheet_is_served_under_its_hash(portal: Flask) -> None:
    answer = portal.test_client().get(f"/static/{assets.SHEET}?v={assets.version(assets.SHEET)}")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "text/css", assets.stylesheet())
    again = portal.test_client().get(f"/static/{assets.SHEET}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_other_static_files_are_served_as_they_are(portal: Flask) -> None:
    with portal.test_client().get("/static/favicon.svg") as answer:
        assert answer.data == (PROJECT / "static" / "favicon.svg").read_bytes()


def test_every_class_and_custom_property_is_used() -> None:
    bare = assets.stylesheet().decode()
    classes = set(re.findall(r"\.([a-z][\w-]*)", re.sub(r"\{[^{}]*\}", "{}", bare)))
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "templates").rglob("*.html"))
    given = {word for places in WRITTEN.findall(pages) for word in re.findall(r"[\w-]+", "".join(places))}
    assert {each for each in classes if each not in given and not MADE_UP.match(each)} == set()
    assert set(re.findall(r"var\((--[\w-]+)", bare)) == set(re.findall(r"(--[\w-]+):", bare))
