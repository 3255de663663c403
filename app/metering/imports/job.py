"""What an import is asked to do, and the times it goes by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.metering.imports.column_mapping import Spec
from app.metering.imports.source_file import Source

CHUNK = 50_000

Transaction = Callable[[], Any]
"""Opens a transaction: `with transaction() as session`."""

OnProgress = Callable[[int], None]
"""Is told the current line after every chunk."""


@dataclass(frozen=True)
class ImportJob:
    """What to import and how. `bill`: the usage is priced like any other; otherwise it only counts.

    `new_source`: the operator named a source, so a file of a known name may have any content.
    """

    source: Source
    spec: Spec
    bill: bool = False
    create_orgs: bool = False
    new_source: bool = False
    chunk: int = CHUNK


@dataclass(frozen=True)
class ImportClock:
    """Business time for events and periods, wall time for the audit."""

    business: datetime
    wall: datetime
