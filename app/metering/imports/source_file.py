"""Reads import files row by row: CSV or JSON lines, plain or gzipped. A file is identified by its content."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from app.metering.imports.csv_rows import MAX_LINE, CsvReader, LineError, find_delimiter, read_lines

JSON_ENDS = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
CSV_ENDS = (".csv", ".csv.gz")
_BLOCK = 1 << 20


class FileError(Exception):
    """The file cannot be read; the message says why."""


@dataclass(frozen=True)
class Source:
    """A file and the digest of its uncompressed content, so that compressing it again does not make a new import.

    CSV files have `columns`: the names in the first line, without nameless ones at its end. `width` counts those too.
    """

    path: Path
    digest: str
    lines: int
    columns: list[str] | None
    width: int = 0
    delimiter: str = ","

    @property
    def is_csv(self) -> bool:
        """Whether the file is CSV; otherwise every line is a JSON object."""
        return self.columns is not None


def inspect_file(path: Path) -> Source:
    """Read the file once for its digest, line count and (CSV) columns. Raises `FileError`."""
    if not path.name.endswith(CSV_ENDS + JSON_ENDS):
        raise FileError(f"{path.name}: the file name must end in {', '.join(CSV_ENDS + JSON_ENDS)}")
    with _reading(path), _open(path) as file:
        digest, lines = _digest(file)
    if not path.name.endswith(CSV_ENDS):
        return Source(path, digest, lines, None)
    header, delimiter = _header(path)
    named = [place for place, name in enumerate(header, start=1) if name]
    return Source(path, digest, lines, header[: named[-1]], len(header), delimiter)


def read_rows(source: Source) -> Iterator[tuple[int, Any]]:
    """Yield the rows with their line numbers: a list (CSV), a dict (JSON lines), or a `LineError` for a bad line.

    A row that spans several lines (quoted line breaks) has the number of its last line.
    """
    with _reading(source.path), _text(source.path) as file:
        yield from _csv_rows(source, file) if source.is_csv else _json_rows(file)


def _digest(file: BinaryIO) -> tuple[str, int]:
    """Hash the content and count its lines. CRLF counts as LF, and line ends after the last line do not count."""
    digest, breaks, ends = hashlib.sha256(), 0, b""
    while block := file.read(_BLOCK):
        block = ends + block
        text = block.rstrip(b"\r\n")
        ends = block[len(text) :]
        text = text.replace(b"\r\n", b"\n")
        breaks += text.count(b"\n")
        digest.update(text)
    return digest.hexdigest(), breaks + 1


def _csv_rows(source: Source, file: TextIO) -> Iterator[tuple[int, Any]]:
    rows = iter(CsvReader(read_lines(file), source.delimiter, source.width))
    next(rows, None)
    named = len(source.columns or ())
    for number, row in rows:
        if isinstance(row, list) and len(row) > named and any(row[named:]):
            place = next(place for place in range(named, len(row)) if row[place])
            yield number, LineError(f"has a value in column {place + 1}, which has no name in the first line")
        else:
            yield number, row


def _json_rows(file: TextIO) -> Iterator[tuple[int, Any]]:
    for number, line in read_lines(file):
        if isinstance(line, LineError) or line.strip():
            yield number, line if isinstance(line, LineError) else _object(line)


def _object(line: str) -> Any:
    try:
        # Numbers stay text: quantities must never become floats.
        document = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return LineError("is not a JSON object")
    return document if isinstance(document, dict) else LineError("is not a JSON object")


def _header(path: Path) -> tuple[list[str], str]:
    """Read the column names in the first line, nameless columns included, and the file's delimiter."""
    with _reading(path), _text(path) as file:
        delimiter = find_delimiter(file.readline(MAX_LINE))
    with _reading(path), _text(path) as file:
        _, header = next(iter(CsvReader(read_lines(file), delimiter)), (1, []))
    if isinstance(header, LineError):
        raise FileError(f"{path.name}: the first line {header}")
    if not any(header):
        raise FileError(f"{path.name}: the first line has no column names")
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise FileError(f"{path.name}: column {twice[0]!r} appears twice in the first line")
    return header, delimiter


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]  # both read


def _text(path: Path) -> TextIO:
    return io.TextIOWrapper(_open(path), encoding="utf-8-sig", errors="surrogateescape")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"{path.name} cannot be read: {error}") from error
