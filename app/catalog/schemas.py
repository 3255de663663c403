"""Parses TOML text into a checked `Catalog`, or raises `CatalogError` with the line of every mistake."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from app.catalog import toml_positions
from app.catalog.checks import check_catalog
from app.catalog.definition import MeterDef, PlanDef
from app.catalog.errors import CatalogError, CatalogMistake, Path, format_path
from app.catalog.file_parser import read_labels, read_meter, read_plan
from app.catalog.reader import Mistake, Table

_POSITION = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


@dataclass(frozen=True)
class Catalog:
    """The contents of a catalogue file, in the file's order."""

    file: str
    text: str
    meters: dict[str, MeterDef]
    plans: dict[str, PlanDef]

    @cached_property
    def lines(self) -> dict[Path, int]:
        """The line of every key. Lazy: needed only when there are mistakes."""
        return toml_positions.index_lines(self.text)

    def build_mistake(self, path: Path, detail: str) -> CatalogMistake:
        """Build a mistake at a path in this file."""
        return CatalogMistake(self.file, toml_positions.find_line(self.lines, path), format_path(path), detail)


def read_catalog(text: str, file: str) -> Catalog:
    """Read a catalogue file. Raises `CatalogError` with the line and key of every mistake."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError([_syntax(text, file, str(error))]) from None
    mistakes: list[Mistake] = []
    root = Table(data, (), mistakes)
    meters = {table.name: read_meter(table) for table in root.table("meters").subtables()}
    labels = read_labels(root.table("features"))
    plans = {
        table.name: read_plan(table, position, labels)
        for position, table in enumerate(root.table("plans", needed=True).subtables(), 1)
    }
    root.reject_unknown_keys()
    catalog = Catalog(file, text, meters, plans)
    mistakes += check_catalog(meters, plans)
    if mistakes:
        problems = {catalog.build_mistake(path, detail) for path, detail in mistakes}
        raise CatalogError(sorted(problems, key=lambda problem: (problem.line, problem.key, problem.detail)))
    return catalog


def _syntax(text: str, file: str, words: str) -> CatalogMistake:
    """The parser's message, with the key on that line if it has one."""
    match = _POSITION.search(words)
    rows = text.splitlines() or [""]
    number = int(match["line"]) if match and match["line"] else len(rows)
    row = rows[number - 1].partition("#")[0] if number <= len(rows) else ""
    key = row.partition("=")[0].strip(" \t[]")
    return CatalogMistake(file, number, key, _POSITION.sub("", words))
