"""Turns a file's rows into events of organisations, with their ids. A line that makes none is reported as bad."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.kit.actor import SYSTEM
from app.kit.batches import batched
from app.metering.imports import source_file
from app.metering.imports.column_mapping import Mapping
from app.metering.imports.csv_rows import LineError
from app.metering.imports.job import ImportClock, ImportJob
from app.metering.imports.line_ids import LineIds
from app.metering.imports.orgs import OrgBook
from app.metering.imports.report import ImportReport
from app.metering.schemas import Event

Rows = tuple[tuple[int, Any], ...]
EventLine = tuple[int, Event]


class EventLines:
    """The events of a file, which must be read from its beginning: ids depend on the lines before.

    Raises `MappingError` if the options do not fit the file's columns.
    """

    def __init__(self, job: ImportJob, clock: ImportClock, *, dry_run: bool = False) -> None:
        self._job, self._clock = job, clock
        self._mapping = Mapping(job.spec, job.source.columns)
        self._ids = LineIds(job.spec.source)
        self._orgs = OrgBook(dry_run=dry_run)

    def read_chunks(self) -> Iterator[Rows]:
        """Yield the file's rows with their line numbers, a chunk at a time. Raises `FileError`."""
        return batched(source_file.read_rows(self._job.source), self._job.chunk)

    def skip(self, session: Session, rows: Rows) -> None:
        """Count rows that an earlier run has imported, for the ids of those that follow."""
        self._place(session, rows, ImportReport(""), create=False)
        self._orgs.forget_errors()

    def place(self, session: Session, rows: Rows, report: ImportReport) -> dict[UUID, list[EventLine]]:
        """Return the rows' events by org, creating missing orgs if the job says so, and report the bad lines."""
        before = self._orgs.created
        placed = self._place(session, rows, report, create=self._job.create_orgs)
        report.lines += len(rows)
        report.orgs_created += self._orgs.created - before
        return placed

    def _place(
        self, session: Session, rows: Rows, report: ImportReport, *, create: bool
    ) -> dict[UUID, list[EventLine]]:
        parsed = list(self._parse(rows, report))
        now, opened_at = self._clock.wall, self._clock.business
        names = {org for _, org, _ in parsed}
        self._orgs.resolve(session, names, create=create, actor=SYSTEM, now=now, opened_at=opened_at)
        by_org: dict[UUID, list[EventLine]] = defaultdict(list)
        for line, org, event in parsed:
            org_id = self._orgs.get_id(org)
            if isinstance(org_id, str):
                report.refuse(line, org_id)
                continue
            try:
                self._ids.name_event(org_id, event)
            except LineError as error:
                report.refuse(line, str(error))
            else:
                by_org[org_id].append((line, event))
        return by_org

    def _parse(self, rows: Rows, report: ImportReport) -> Iterator[tuple[int, str, Event]]:
        for line, row in rows:
            try:
                if isinstance(row, LineError):
                    raise row
                yield (line, *self._mapping.read(row))
            except LineError as error:
                report.refuse(line, str(error))
