"""Where each key of a TOML text is. `tomllib` gives no positions, so tomlkit, which keeps all white space, is asked."""

from __future__ import annotations

import tomlkit
from tomlkit.container import Container
from tomlkit.items import AoT, Array, InlineTable, Item, Null, Table

from app.catalog.errors import Path


def index(text: str) -> dict[Path, int]:
    """The line (from 1) of every key, table, and element of an array, by its path. The text must be valid TOML."""
    lines: dict[Path, int] = {}
    _index_container(tomlkit.parse(text), (), 1, lines)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of a path; of what is missing, the line of the nearest table that should hold it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


# Each of these takes the line on which a part of the text begins and returns the one on which the next part begins.


def _index_container(container: Container, path: Path, line: int, lines: dict[Path, int]) -> int:
    for key, item in container.body:
        if key is None:  # a comment or an empty line
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
    for group in array._value:  # nothing public tells the white space around an element
        line += _breaks(group.indent)
        if group.value is not None and not isinstance(group.value, Null):
            lines[*path, number] = line
            _index_item(group.value, (*path, number), line, lines)
            line += _breaks(group.value)
            number += 1
        line += _breaks(group.comma) + _breaks(group.comment)


def _breaks(item: Item | None) -> int:
    return item.as_string().count("\n") if item is not None else 0
