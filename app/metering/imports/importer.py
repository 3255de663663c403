"""Imports a file of past usage: in chunks, each org's lines of a chunk in one set-based call, safe to stop and repeat.

Every event has an id made of the file and its line (or of `--id`), so that what was recorded before a kill counts once.
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
from app.metering.imports.orgs import OrgBook
from app.metering.imports.source_file import Source
from app.metering.recording.batch import BatchTerms, record_batch
from app.metering.recording.recorder import UsageRecorder
from app.metering.rollups.models import UsageImport
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
    "id_conflict": "another event with this id was recorded before, with other content",
    "event_in_future": "occurred_at lies in the future",
    "unknown_meter": "there is no such meter",
    "unknown_client": "the org has no such client",
    "invalid_event": "the event does not carry the dimension that its meter counts",
}


@dataclass(frozen=True)
class Job:
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
    """What an import did. `bad` lines made no event; the first of them are listed. Counts include a killed run's."""

    file: str
    resumed_after: int = 0
    lines: int = 0
    recorded: int = 0
    duplicates: int = 0
    bad: int = 0
    orgs_created: int = 0
    listed: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, words: str) -> None:
        """Count a bad line, and list it while there is room."""
        self.bad += 1
        if len(self.listed) < LISTED:
            self.listed.append((line, words))


@dataclass
class _Run:
    """One run of an import: what it was given, and what it has learnt."""

    job: Job
    mapping: Mapping
    meterer: UsageRecorder
    transaction: Transaction
    clock: ImportClock
    report: ImportReport
    orgs: OrgBook = field(default_factory=OrgBook)
    months: set[tuple[int, int]] = field(default_factory=set)
    opened: dict[UUID, tuple[datetime, datetime]] = field(default_factory=dict)


def run(
    job: Job,
    meterer: UsageRecorder,
    transaction: Transaction,
    clock: ImportClock,
    told: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """Import a file; tells after each chunk the line it has come to. Raises `MappingError` and `FileError`."""
    mapping = Mapping(job.spec, job.source.columns, job.source.digest)
    key = (job.source.digest, progress.mapping_hash(job.spec, bill=job.bill))
    with transaction() as session:
        row = progress.begin(session, *key, job.source.path.name, clock.business)
        report = ImportReport(job.source.path.name, row.line, 0, row.recorded, row.duplicates, row.bad)
    running = _Run(job, mapping, meterer, transaction, clock, report)
    told(report.resumed_after)
    for chunk in _batched(source_file.rows(job.source, report.resumed_after), job.chunk):
        _take(running, chunk)
        report.lines += len(chunk)
        _note(running, key, chunk[-1][0], finished=False)
        told(chunk[-1][0])
    _note(running, key, job.source.lines, finished=True)
    return report


def _take(running: _Run, chunk: tuple[tuple[int, Any], ...]) -> None:
    """Record one chunk, org by org."""
    read = list(_read(running, chunk))
    with running.transaction() as session:
        _learn(running, session, read)
    by_org: dict[UUID, list[tuple[int, Event]]] = defaultdict(list)
    for line, org, event in read:
        org_id = running.orgs.id_of(org)
        if isinstance(org_id, str):
            running.report.refuse(line, org_id)
        else:
            by_org[org_id].append((line, event))
    for org_id, lines in by_org.items():
        for part in _batched(lines, MAX_EVENTS):
            _record(running, org_id, part)


def _read(running: _Run, chunk: tuple[tuple[int, Any], ...]) -> Iterator[tuple[int, str, Event]]:
    for line, row in chunk:
        try:
            if isinstance(row, LineError):
                raise row
            yield (line, *running.mapping.read(line, row))
        except LineError as bad:
            running.report.refuse(line, str(bad))


def _learn(running: _Run, session: Session, read: list[tuple[int, str, Event]]) -> None:
    """See to it that the orgs are known and that a partition stands for each month."""
    clock = running.clock
    before = running.orgs.created
    running.orgs.learn(
        session,
        {org for _, org, _ in read},
        create=running.job.create_orgs,
        actor=SYSTEM,
        now=clock.wall,
        opened_at=clock.business,
    )
    running.report.orgs_created += running.orgs.created - before
    months = {(event.occurred_at.year, event.occurred_at.month) for *_, event in read if event.occurred_at}
    for year, month in sorted(months - running.months):
        if datetime(year, month, 1, tzinfo=UTC) <= clock.business:
            session.execute(_PARTITION, {"at": datetime(year, month, 1, tzinfo=UTC)})
    running.months |= months


def _record(running: _Run, org_id: UUID, lines: tuple[tuple[int, Event], ...]) -> None:
    """Record lines of one org in one call; imports pass limits and take any time that is past."""
    events = [event for _, event in lines]
    _open_periods(running, org_id, [event.occurred_at for event in events if event.occurred_at])
    oldest = min(event.occurred_at or running.clock.business for event in events)
    terms = BatchTerms(SOURCE, billable=running.job.bill, limited=False, oldest=oldest)
    outcome = record_batch(running.meterer, org_id, events, key_id=None, now=running.clock.business, terms=terms)
    running.report.recorded += outcome.recorded
    running.report.duplicates += outcome.duplicates
    for refusal in outcome.refused:
        line, event = lines[refusal.index]
        words = refusal.detail or _WORDS.get(refusal.code, "it cannot be recorded")
        about = f"{event.meter!r}: " if refusal.code == "unknown_meter" else ""
        running.report.refuse(line, f"{refusal.code}: {about}{words}")


def _open_periods(running: _Run, org_id: UUID, ats: list[datetime]) -> None:
    """Open the org's calendar periods back to its first event of this part, in one transaction."""
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


def _note(running: _Run, key: tuple[str, str], line: int, *, finished: bool) -> None:
    report, now = running.report, running.clock.business
    with running.transaction() as session:
        row = session.get_one(UsageImport, key)
        row.line, row.recorded, row.duplicates, row.bad = line, report.recorded, report.duplicates, report.bad
        row.updated_at = now
        row.finished_at = now if finished else None


def _batched(found: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    upcoming = iter(found)
    while part := tuple(islice(upcoming, size)):
        yield part
