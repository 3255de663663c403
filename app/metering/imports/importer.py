"""Imports a file of past usage in chunks, with one set-based call per org and chunk. Safe to interrupt and repeat.

Event ids are derived from the file and line (or from `--id`), so events recorded before an interruption count once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.actor import SYSTEM
from app.metering.imports import progress, source_file
from app.metering.imports.column_mapping import LineError, Mapping, Spec
from app.metering.imports.models import UsageImport
from app.metering.imports.orgs import OrgBook
from app.metering.imports.source_file import Source
from app.metering.recorder import UsageRecorder
from app.metering.recording.batch import BatchTerms, record_batch
from app.metering.schemas import MAX_EVENTS, Event
from app.subscriptions import periods

T = TypeVar("T")

LISTED = 20
CHUNK = 50_000
SOURCE = "import"

Transaction = Callable[[], Any]
"""Opens a transaction: `with transaction() as session`."""

_PARTITION = text("SELECT usage_partitions(:at, 0, 0)")
_WORDS = {
    "id_conflict": "an event with this id and different content was already recorded",
    "event_in_future": "occurred_at is in the future",
    "unknown_meter": "there is no such meter",
    "unknown_client": "the org has no such client",
    "invalid_event": "the event does not carry the dimension that its meter counts",
}


@dataclass(frozen=True)
class ImportJob:
    """What to import and how. `bill`: the usage is priced like any other; otherwise it only counts."""

    source: Source
    spec: Spec
    bill: bool = False
    create_orgs: bool = False
    chunk: int = CHUNK


@dataclass(frozen=True)
class ImportClock:
    """Business time for events and periods, wall time for the audit."""

    business: datetime
    wall: datetime


@dataclass
class ImportReport:
    """The result of an import. `bad` counts invalid lines; the first are listed. Includes earlier interrupted runs."""

    file: str
    resumed_after: int = 0
    lines: int = 0
    recorded: int = 0
    duplicates: int = 0
    bad: int = 0
    orgs_created: int = 0
    listed: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, words: str) -> None:
        """Count a bad line, and list it if it is among the first."""
        self.bad += 1
        if len(self.listed) < LISTED:
            self.listed.append((line, words))


@dataclass
class _Run:
    """The inputs and state of one import run."""

    job: ImportJob
    mapping: Mapping
    recorder: UsageRecorder
    transaction: Transaction
    clock: ImportClock
    report: ImportReport
    orgs: OrgBook = field(default_factory=OrgBook)
    months: set[tuple[int, int]] = field(default_factory=set)
    opened: dict[UUID, tuple[datetime, datetime]] = field(default_factory=dict)


def import_file(
    job: ImportJob,
    recorder: UsageRecorder,
    transaction: Transaction,
    clock: ImportClock,
    on_progress: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """Import a file; `on_progress` gets the current line after every chunk. Raises `MappingError` and `FileError`."""
    mapping = Mapping(job.spec, job.source.columns, job.source.digest)
    key = (job.source.digest, progress.hash_mapping(job.spec, bill=job.bill))
    with transaction() as session:
        row = progress.start_import(session, *key, job.source.path.name, clock.business)
        report = ImportReport(job.source.path.name, row.line, 0, row.recorded, row.duplicates, row.bad)
    running = _Run(job, mapping, recorder, transaction, clock, report)
    on_progress(report.resumed_after)
    for chunk in _batched(source_file.read_rows(job.source, report.resumed_after), job.chunk):
        _import_chunk(running, chunk)
        report.lines += len(chunk)
        _save_progress(running, key, chunk[-1][0], finished=False)
        on_progress(chunk[-1][0])
    _save_progress(running, key, job.source.lines, finished=True)
    return report


def _import_chunk(running: _Run, chunk: tuple[tuple[int, Any], ...]) -> None:
    """Record a chunk, org by org."""
    parsed = list(_parse_rows(running, chunk))
    with running.transaction() as session:
        _prepare_chunk(running, session, parsed)
    by_org: dict[UUID, list[tuple[int, Event]]] = defaultdict(list)
    for line, org, event in parsed:
        org_id = running.orgs.get_id(org)
        if isinstance(org_id, str):
            running.report.refuse(line, org_id)
        else:
            by_org[org_id].append((line, event))
    for org_id, lines in by_org.items():
        for part in _batched(lines, MAX_EVENTS):
            _record(running, org_id, part)


def _parse_rows(running: _Run, chunk: tuple[tuple[int, Any], ...]) -> Iterator[tuple[int, str, Event]]:
    for line, row in chunk:
        try:
            if isinstance(row, LineError):
                raise row
            yield (line, *running.mapping.read(line, row))
        except LineError as error:
            running.report.refuse(line, str(error))


def _prepare_chunk(running: _Run, session: Session, parsed: list[tuple[int, str, Event]]) -> None:
    """Resolve the chunk's orgs and create the monthly partitions it needs."""
    clock = running.clock
    before = running.orgs.created
    running.orgs.resolve(
        session,
        {org for _, org, _ in parsed},
        create=running.job.create_orgs,
        actor=SYSTEM,
        now=clock.wall,
        opened_at=clock.business,
    )
    running.report.orgs_created += running.orgs.created - before
    months = {(event.occurred_at.year, event.occurred_at.month) for *_, event in parsed if event.occurred_at}
    for year, month in sorted(months - running.months):
        if datetime(year, month, 1, tzinfo=UTC) <= clock.business:
            session.execute(_PARTITION, {"at": datetime(year, month, 1, tzinfo=UTC)})
    running.months |= months


def _record(running: _Run, org_id: UUID, lines: tuple[tuple[int, Event], ...]) -> None:
    """Record one org's lines in one call. Imports ignore limits and accept any time in the past."""
    events = [event for _, event in lines]
    _open_periods(running, org_id, [event.occurred_at for event in events if event.occurred_at])
    oldest = min(event.occurred_at or running.clock.business for event in events)
    terms = BatchTerms(SOURCE, billable=running.job.bill, limited=False, oldest=oldest)
    outcome = record_batch(running.recorder, org_id, events, key_id=None, now=running.clock.business, terms=terms)
    running.report.recorded += outcome.recorded
    running.report.duplicates += outcome.duplicates
    for refusal in outcome.refused:
        line, event = lines[refusal.index]
        words = refusal.detail or _WORDS.get(refusal.code, "it cannot be recorded")
        about = f"{event.meter!r}: " if refusal.code == "unknown_meter" else ""
        running.report.refuse(line, f"{refusal.code}: {about}{words}")


def _open_periods(running: _Run, org_id: UUID, ats: list[datetime]) -> None:
    """Open the org's usage periods back to the first of these events, in one transaction."""
    now = running.clock.business
    first, last = min(ats), min(max(ats), now)
    known = running.opened.get(org_id)
    if known and known[0] <= first and last < known[1]:
        return
    with running.transaction() as session:
        start = periods.ensure_period(session, org_id, first, now) if first <= now else None
        end = periods.ensure_period(session, org_id, last, now)
        starts_at = start.starts_at if start else end.starts_at
        bounds = (min(starts_at, known[0]), max(end.ends_at, known[1])) if known else (starts_at, end.ends_at)
    running.opened[org_id] = bounds


def _save_progress(running: _Run, key: tuple[str, str], line: int, *, finished: bool) -> None:
    report, now = running.report, running.clock.business
    with running.transaction() as session:
        row = session.get_one(UsageImport, key)
        row.line, row.recorded, row.duplicates, row.bad = line, report.recorded, report.duplicates, report.bad
        row.updated_at = now
        row.finished_at = now if finished else None


def _batched(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    remaining = iter(items)
    while part := tuple(islice(remaining, size)):
        yield part
