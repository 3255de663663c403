"""Errors in catalogue files."""

from __future__ import annotations

from dataclasses import dataclass

from app.kit.errors import DomainError

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class CatalogMistake:
    """One mistake in a file: its line, the path of the key, and what is expected there."""

    file: str
    line: int
    key: str
    detail: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}"
        return f"{place} {self.key}: {self.detail}" if self.key else f"{place}: {self.detail}"


class CatalogError(DomainError):
    """The file cannot be applied. `problems` lists every mistake; nothing was written."""

    code = "invalid_request"

    def __init__(self, problems: list[CatalogMistake]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def format_path(path: Path) -> str:
    """Format a path for people: `plans.pro.charges[0].tiers[1].up_to`."""
    words = ""
    for part in path:
        words += f"[{part}]" if isinstance(part, int) else f".{part}" if words else part
    return words
