"""Rule 2.1: no float near quantities, prices and amounts, judged by the syntax tree."""

import ast
from pathlib import Path

import pytest

from tests.house.source import parsed

APP = Path(__file__).parents[2] / "app"
FILES = [*sorted((APP / "rating").glob("*.py")), *sorted((APP / "analytics").glob("*.py")), APP / "kit" / "money.py"]


def offences(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield node.lineno, f"the literal {node.value}"
        if isinstance(node, ast.Name) and node.id in {"float", "complex", "round"}:
            yield node.lineno, node.id
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield node.lineno, "a true division"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None)]
            yield from ((node.lineno, name) for name in names if name in {"math", "cmath", "statistics", "random"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_float_comes_near_money(path):
    assert list(offences(parsed(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "code", ["x = 0.5", "float(x)", "round(x)", "a / b", "a /= b", "import math", "from math import ceil"]
)
def test_the_check_sees_each_way_to_make_a_float(code):
    assert list(offences(ast.parse(code)))
