"""The result of an import or of its dry run: counts, the first bad lines, and the lines known from elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.metering.imports.known import KnownFrom
from app.metering.recording.refusals import describe_reason
from app.metering.schemas import Event

LISTED = 20


@dataclass
class ImportReport:
    """The result of an import. Counts include earlier interrupted runs; lists hold this run's first lines.

    `duplicates` are lines that were recorded before. Those that another file brought, or the API, are also `known`.
    """

    file: str
    dry_run: bool = False
    resumed_after: int = 0
    lines: int = 0
    recorded: int = 0
    duplicates: int = 0
    bad: int = 0
    orgs_created: int = 0
    listed: list[tuple[int, str]] = field(default_factory=list)
    known: Counter[KnownFrom] = field(default_factory=Counter)
    known_lines: list[tuple[int, KnownFrom]] = field(default_factory=list)
    import_id: UUID | None = None

    def refuse(self, line: int, words: str) -> None:
        """Count a bad line, and list it if it is among the first."""
        self.bad += 1
        if len(self.listed) < LISTED:
            self.listed.append((line, words))

    def note_known(self, line: int, source: KnownFrom) -> None:
        """Count a line that another file or the API brought, and list it if it is among the first."""
        self.known[source] += 1
        if len(self.known_lines) < LISTED:
            self.known_lines.append((line, source))


def describe_refusal(code: str, event: Event, facts: Mapping[str, Any] | None = None, detail: str | None = None) -> str:
    """Describe why a line's event was not recorded, in the API's words. An import meets no limit."""
    return f"{code}: {detail or describe_reason(code, event, facts)}"
