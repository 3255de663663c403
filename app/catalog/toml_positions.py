"""Finds the line of every key in TOML text, with tomlkit: `tomllib` reports no positions."""

from __future__ import annotations

import tomlkit
from tomlkit.container import Container
from tomlkit.items import AoT, Array, InlineTable, Item, Null, Table

from app.catalog.errors import Path


def index_lines(text: str) -> dict[Path, int]:
    """Map the path of every key, table and array element to its line, from 1. The text must be valid TOML."""
    lines: dict[Path, int] = {}
    _index_container(tomlkit.parse(text), (), 1, lines)
    return lines


def find_line(lines: dict[Path, int], path: Path) -> int:
    """Find the line of a path; for a missing key, the line of the nearest enclosing table."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


# These functions take the line on which a part of the text begins, and return the line on which the next one begins.


def _index_container(container: Container, path: Path, line: int, lines: dict[Path, int]) -> int:
    for key, item in container.body:
        if key is None:  # a comment or a blank line
            line += _breaks(item)
        else:
            lines.setdefault((*path, key.key), line)
            line = _index_item(item, (*path, key.key), line, lines, dotted=key.is_dotted())
    return line


def _index_item(item: Item, path: Path, line: int, lines: dict[Path, int], *, dotted: bool = False) -> int:
    match item:
        case Table():
            if not dotted and not item.is_super_table():  # it has a header of its own
                lines[path] = line
                line += 1
            return _index_container(item.value, path, line, lines)
        case AoT():
            for number, table in enumerate(item.body):
                line = _index_item(table, (*path, number), line, lines)
            return line
        case Array():
            _index_array(item, path, line, lines)
        case InlineTable():
            _index_container(item.value, path, line, lines)
    return line + _breaks(item) + item.trivia.trail.count("\n")


def _index_array(array: Array, path: Path, line: int, lines: dict[Path, int]) -> None:
    number = 0
    for group in array._value:  # no public API exposes the whitespace around an element
        line += _breaks(group.indent)
        if group.value is not None and not isinstance(group.value, Null):
            lines[*path, number] = line
            _index_item(group.value, (*path, number), line, lines)
            line += _breaks(group.value)
            number += 1
        line += _breaks(group.comma) + _breaks(group.comment)


def _breaks(item: Item | None) -> int:
    return item.as_string().count("\n") if item is not None else 0
