"""The project's Python, parsed and walked once for all rules: walking the trees is most of what a rule costs."""

from __future__ import annotations

import ast
from functools import cache


@cache
def parsed(source: str) -> ast.Module:
    """The tree of a source; whoever asks leaves it as it is."""
    return ast.parse(source)


@cache
def walked(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Every node of a tree."""
    return tuple(ast.walk(tree))
