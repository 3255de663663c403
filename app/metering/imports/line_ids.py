"""Derives the ids of imported events from their content, so that a corrected file counts nothing twice (decision 37).

An id is made of the organisation, the event, its ordinal among the equal ones in the file, and the import's `--source`.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from uuid import UUID

from app.metering.imports.column_mapping import NO_ID
from app.metering.imports.csv_rows import LineError
from app.metering.recording.fingerprint import BadContentError, canonicalise, hash_content
from app.metering.schemas import Event


class LineIds:
    """Numbers equal events of a file, read from its beginning, and derives their ids."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._seen: Counter[bytes] = Counter()

    def name_event(self, org_id: UUID, event: Event) -> None:
        """Give the event its id, unless it has one of its own. Raises `LineError` for content nobody can record."""
        try:
            canonicalise(event)
        except BadContentError as error:
            raise LineError(error.detail) from None
        if event.id != NO_ID:
            return
        content = f"{org_id}\n{hash_content(event)}"
        short = sha256(content.encode()).digest()[:12]
        self._seen[short] += 1
        whole = f"{content}\n{self._seen[short]}\n{self._source}"
        event.id = f"import-{sha256(whole.encode()).hexdigest()[:32]}"
