"""Reads import files row by row: CSV or JSON lines, plain or gzipped. A file is identified by its content."""

from __future__ import annotations

import csv
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

from app.metering.imports.column_mapping import LineError

JSON_ENDS = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
CSV_ENDS = (".csv", ".csv.gz")
_BLOCK = 1 << 20


class FileError(Exception):
    """The file cannot be read; the message says why."""


@dataclass(frozen=True)
class Source:
    """A file and the digest of its uncompressed content, so that compressing it again does not make a new import."""

    path: Path
    digest: str
    lines: int
    columns: list[str] | None

    @property
    def is_csv(self) -> bool:
        """Whether the file is CSV; otherwise every line is a JSON object."""
        return self.columns is not None


def inspect_file(path: Path) -> Source:
    """Read the file once for its digest, line count and (CSV) columns. Raises `FileError`."""
    if not path.name.endswith(CSV_ENDS + JSON_ENDS):
        raise FileError(f"{path.name}: the file name must end in {', '.join(CSV_ENDS + JSON_ENDS)}")
    digest = hashlib.sha256()
    lines = 0
    with _reading(path), _open(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            lines += block.count(b"\n")
    return Source(path, digest.hexdigest(), lines, _columns(path) if path.name.endswith(CSV_ENDS) else None)


def read_rows(source: Source, after: int) -> Iterator[tuple[int, Any]]:
    """Yield the rows after line `after` with their line numbers: a list (CSV), a dict or a `LineError` (JSON lines).

    A row that spans several lines (quoted line breaks) has the number of its last line.
    """
    with _reading(source.path), _text(source.path) as file:
        numbered = _csv_rows(file) if source.is_csv else _json_rows(file)
        yield from (row for row in numbered if row[0] > after)


def _csv_rows(file: TextIO) -> Iterator[tuple[int, Any]]:
    reader = csv.reader(file, strict=True)
    next(reader, None)
    for row in reader:
        if row:
            yield reader.line_num, row


def _json_rows(file: TextIO) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, _object(line)


def _object(line: str) -> Any:
    try:
        # Numbers stay text: quantities must never become floats.
        document = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return LineError("is not a JSON object")
    return document if isinstance(document, dict) else LineError("is not a JSON object")


def _columns(path: Path) -> list[str]:
    with _reading(path), _text(path) as file:
        columns = next(csv.reader(file, strict=True), [])
    if not columns:
        raise FileError(f"{path.name}: the first line has no column names")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise FileError(f"{path.name}: column {twice[0]!r} appears twice in the first line")
    return columns


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]  # both read


def _text(path: Path) -> TextIO:
    return io.TextIOWrapper(_open(path), encoding="utf-8-sig", errors="surrogateescape", newline="")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise FileError(f"{path.name}: {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"{path.name} cannot be read: {error}") from error
