"""Where each key of a TOML text stands. The standard parser gives no positions, so the text is scanned once more.

The text has been parsed already, so only valid TOML comes here: the scanner finds, it does not judge.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

from app.catalog.errors import Path

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\[\s\S]|[^\\])*?"""(?:"{0,2})'  # up to two more quotes belong to the text
    r"|'''[\s\S]*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
)
_SCALAR = re.compile(r"[^,\]}#\n]+")
_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")


def index(text: str) -> dict[Path, int]:
    """The line (from 1) of every key, table, and element of an array, by its path."""
    return _Scanner(text).scan()


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of a path; of what is missing, the line of the nearest table that should hold it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.starts = [0, *(found.end() for found in re.finditer("\n", self.text))]
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}  # elements so far of each array of tables

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip(_GAP) < len(self.text):
            table = self._header() if self.text[self.at] == "[" else self._pair(table)
        return self.lines

    def _header(self) -> Path:
        """Read `[a.b]` or `[[a.b]]`; the path under which the following pairs stand."""
        many = self.text.startswith("[[", self.at)
        start = self.at
        self.at += 2 if many else 1
        keys = self._keys()
        self.at += 2 if many else 1
        path: Path = ()
        for key in keys[:-1]:
            path = self._mark((*path, key), start)
            path = (*path, self.counts[path] - 1) if path in self.counts else path
        path = self._mark((*path, keys[-1]), start)
        if many:
            number = self.counts[path] = self.counts.get(path, 0) + 1
            path = (*path, number - 1)
        self.lines[path] = self._line(start)
        return path

    def _pair(self, table: Path) -> Path:
        """Read `key = value` into the table; returns the table, which goes on."""
        start = self.at
        path = table
        for key in self._keys():
            path = self._mark((*path, key), start)
        self.at += 1  # the equals sign
        self._skip(_SPACES)
        self._value(path)
        return table

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACES)
            quoted = self.text[self.at] in "\"'"
            raw = self._take(_STRING if quoted else _BARE_KEY)
            keys.append(next(iter(tomllib.loads(f"{raw} = 0"))) if quoted else raw)
            self._skip(_SPACES)
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _value(self, path: Path) -> None:
        match self.text[self.at]:
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case '"' | "'":
                self._take(_STRING)
            case _:
                self._take(_SCALAR)

    def _array(self, path: Path) -> None:
        self.at += 1
        number = 0
        while self.text[self._skip(_GAP)] != "]":
            self._mark((*path, number), self.at)
            self._value((*path, number))
            number += 1
            self._comma()
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self.text[self._skip(_GAP)] != "}":
            self._pair(path)
            self._comma()
        self.at += 1

    def _comma(self) -> None:
        if self.text[self._skip(_GAP)] == ",":
            self.at += 1

    def _mark(self, path: Path, start: int) -> Path:
        self.lines.setdefault(path, self._line(start))
        return path

    def _line(self, at: int) -> int:
        return bisect_right(self.starts, at)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError(f"not TOML at line {self._line(self.at)}")
        self.at = found.end()
        return found.group()
