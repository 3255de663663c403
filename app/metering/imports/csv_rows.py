"""Splits CSV into rows by RFC 4180. A malformed line costs only itself: reading goes on with the next one."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import TextIO

MAX_CELL = csv.field_size_limit()
MAX_LINE = 1 << 20

_QUOTE = (
    "has a quotation mark out of place; a cell that contains one is written in quotation marks, with each one inside"
    ' doubled: "12"" disk"'
)


class LineError(Exception):
    """A line that is not a valid event; the message names the field, the column and the value."""


Line = tuple[int, str | LineError]
Row = tuple[int, list[str] | LineError]


def read_lines(file: TextIO) -> Iterator[Line]:
    """Yield the lines of a file with their numbers, from 1; a `LineError` for one above `MAX_LINE` characters."""
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        if len(line) < MAX_LINE or line.endswith("\n"):
            yield number, line
            continue
        while (rest := file.readline(MAX_LINE)) and not rest.endswith("\n"):
            pass
        yield number, LineError(f"is longer than {MAX_LINE:,} characters")


def find_delimiter(header: str) -> str:
    """Return the delimiter of a file with this first line: a comma, or a semicolon where there is no comma."""
    return ";" if ";" in header and "," not in header else ","


class CsvReader:
    """The rows of a CSV file. `width`, where given, is the number of columns that a row can have at most."""

    def __init__(self, lines: Iterator[Line], delimiter: str, width: int | None = None) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self._delimiter = delimiter
        self._width = width
        cell = rf'(?:[^"{delimiter}\n]*|"[^"]*(?:""[^"]*)*")'
        self._grammar = re.compile(f"{cell}(?:{delimiter}{cell})*")

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows with the number of their last line, or of the line that is malformed. Blank lines are none."""
        while (taken := self._take()) is not None:
            number, line = taken
            if isinstance(line, LineError):
                yield number, line
            elif '"' in line:
                yield self._read_quoted(number, line)
            elif cells := line.rstrip("\n"):
                yield number, self._check(cells.split(self._delimiter))

    def _take(self) -> Line | None:
        return self._again.popleft() if self._again else next(self._lines, None)

    def _read_quoted(self, number: int, line: str) -> Row:
        """Read a row that may go on in the next lines. If it turns out malformed, only its first line is."""
        following: list[Line] = []
        text, quotes = [line], line.count('"')
        length = len(line)
        while quotes % 2 and length < MAX_LINE and (taken := self._take()) is not None:
            following.append(taken)
            if isinstance(taken[1], LineError):
                break
            text.append(taken[1])
            quotes, length = quotes + taken[1].count('"'), length + len(taken[1])
        row = self._split("".join(text).removesuffix("\n"))
        if following and (isinstance(row, LineError) or self._width not in {None, len(row)}):
            self._again.extendleft(reversed(following))
            return number, LineError(_QUOTE)
        return following[-1][0] if following else number, row

    def _split(self, text: str) -> list[str] | LineError:
        if not self._grammar.fullmatch(text):
            return LineError(_QUOTE)
        try:
            return self._check(next(csv.reader([text], delimiter=self._delimiter, strict=True)))
        except csv.Error:
            return LineError(f"has a cell of more than {MAX_CELL:,} characters")

    def _check(self, cells: list[str]) -> list[str] | LineError:
        if self._width is not None and len(cells) > self._width:
            return LineError(f"has {len(cells)} columns, the first line names {self._width}")
        if any(len(cell) > MAX_CELL for cell in cells):
            return LineError(f"has a cell of more than {MAX_CELL:,} characters")
        return cells
