"""The catalogue's door: TOML text in, a checked `Catalog` out, or `CatalogError` with every mistake and its line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from app.catalog import toml_positions
from app.catalog.checks import check
from app.catalog.definition import MeterDef, PlanDef
from app.catalog.errors import CatalogError, CatalogMistake, Path, spell
from app.catalog.file_parser import read_labels, read_meter, read_plan
from app.catalog.reader import Mistake, Table

_POSITION = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


@dataclass(frozen=True)
class Catalog:
    """What a file declares, in the file's order."""

    file: str
    text: str
    meters: dict[str, MeterDef]
    plans: dict[str, PlanDef]

    @cached_property
    def lines(self) -> dict[Path, int]:
        """Where each key is: worked out for the first mistake."""
        return toml_positions.index(self.text)

    def problem(self, path: Path, detail: str) -> CatalogMistake:
        """A mistake at a path of this file."""
        return CatalogMistake(self.file, toml_positions.line_of(self.lines, path), spell(path), detail)


def read_catalog(text: str, file: str) -> Catalog:
    """Read a catalogue file; raises `CatalogError` with all problems, each with its line and key."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError([_syntax(text, file, str(error))]) from None
    mistakes: list[Mistake] = []
    root = Table(data, (), mistakes)
    meters = {table.name: read_meter(table) for table in root.table("meters").each()}
    labels = read_labels(root.table("features"))
    plans = {
        table.name: read_plan(table, position, labels)
        for position, table in enumerate(root.table("plans", needed=True).each(), 1)
    }
    root.done()
    catalog = Catalog(file, text, meters, plans)
    mistakes += check(meters, plans)
    if mistakes:
        found = {catalog.problem(path, detail) for path, detail in mistakes}
        raise CatalogError(sorted(found, key=lambda problem: (problem.line, problem.key, problem.detail)))
    return catalog


def _syntax(text: str, file: str, words: str) -> CatalogMistake:
    """What the parser said, with the key of that line where it shows one."""
    found = _POSITION.search(words)
    rows = text.splitlines() or [""]
    number = int(found["line"]) if found and found["line"] else len(rows)
    row = rows[number - 1].partition("#")[0] if number <= len(rows) else ""
    key = row.partition("=")[0].strip(" \t[]")
    return CatalogMistake(file, number, key, _POSITION.sub("", words))
