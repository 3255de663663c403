"""Product copy is free of phrases that no native writer would use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from app.settings import PROJECT
from tests.house.source import parsed, walked

ODD = re.compile(
    r"look (?:into|among)|stands in (?:the|your)|last fold|\bits (?:mail|stripe)\b|whom to ask|have fallen|those of utc"
    r"|unwanted mail|time that is paid for|hello \{|make an api key|\bgoe?s? on\b|holds again|taken back|take back"
    r"|paid time|any more\b|no api key given|1 documents",
    re.IGNORECASE,
)


def copy_of_templates() -> Iterator[tuple[str, str]]:
    for folder in ("templates", "sandbox"):
        for path in sorted((PROJECT / folder).rglob("*.*")):
            if path.suffix in {".html", ".txt"}:
                bare = re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
                yield path.relative_to(PROJECT).as_posix(), bare


def copy_of_code() -> Iterator[tuple[str, str]]:
    """Texts of the code, without docstrings."""
    for path in sorted((PROJECT / "app").rglob("*.py")):
        tree = parsed(path.read_text(encoding="utf-8"))
        told = {id(node.value) for node in walked(tree) if isinstance(node, ast.Expr)}
        for node in walked(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                yield path.relative_to(PROJECT).as_posix(), node.value


@pytest.mark.parametrize("texts", [copy_of_templates, copy_of_code])
def test_product_copy_has_no_odd_phrase(texts: object) -> None:
    assert callable(texts)
    found = [f"{place}: {match[0]}" for place, text in texts() for match in ODD.finditer(text)]
    assert found == []
