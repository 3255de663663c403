"""Imports a file of past usage in chunks, with one set-based call per org and chunk. Safe to interrupt and repeat."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.batches import batched
from app.metering.imports import progress
from app.metering.imports.job import ImportClock, ImportJob, OnProgress, Transaction
from app.metering.imports.known import find_known
from app.metering.imports.lines import EventLine, EventLines, Rows
from app.metering.imports.models import UsageImport
from app.metering.imports.report import ImportReport, describe_refusal
from app.metering.imports.survey import refuse_other_content
from app.metering.recorder import UsageRecorder
from app.metering.recording.batch import BatchTerms, record_batch
from app.metering.schemas import MAX_EVENTS, Event
from app.subscriptions import periods

SOURCE = "import"

_PARTITION = text("SELECT usage_partitions(:at, 0, 0)")


@dataclass
class _Run:
    """The inputs and state of one import run."""

    job: ImportJob
    lines: EventLines
    recorder: UsageRecorder
    transaction: Transaction
    clock: ImportClock
    report: ImportReport
    key: tuple[str, str]
    import_id: UUID
    brought: int
    months: set[tuple[int, int]] = field(default_factory=set)
    opened: dict[UUID, tuple[datetime, datetime]] = field(default_factory=dict)


def import_file(
    job: ImportJob,
    recorder: UsageRecorder,
    transaction: Transaction,
    clock: ImportClock,
    on_progress: OnProgress = lambda _: None,
) -> ImportReport:
    """Import a file. Raises `MappingError`, `FileError` and `OtherContentError`, and nothing is imported."""
    lines = EventLines(job, clock)
    refuse_other_content(job, transaction, clock, on_progress)
    running = _start(job, lines, recorder, transaction, clock)
    report = running.report
    report.import_id = running.import_id
    on_progress(report.resumed_after)
    for rows in lines.read_chunks():
        done = tuple(row for row in rows if row[0] <= report.resumed_after)
        if done:
            with transaction() as session:
                lines.skip(session, done)
        if len(done) < len(rows):
            _import_chunk(running, rows[len(done) :])
            _save_progress(running, rows[-1][0], finished=False)
            on_progress(rows[-1][0])
    _save_progress(running, job.source.lines, finished=True)
    return report


def _start(
    job: ImportJob, lines: EventLines, recorder: UsageRecorder, transaction: Transaction, clock: ImportClock
) -> _Run:
    key = (job.source.digest, progress.hash_mapping(job.spec, bill=job.bill))
    file = job.source.path.name
    with transaction() as session:
        row = progress.start_import(session, *key, file, clock.business)
        report = ImportReport(
            file, resumed_after=row.line, recorded=row.recorded, duplicates=row.duplicates, bad=row.bad
        )
        brought = row.brought if row.line else 0
        return _Run(job, lines, recorder, transaction, clock, report, key, row.id, brought)


def _import_chunk(running: _Run, rows: Rows) -> None:
    """Record a chunk, org by org."""
    with running.transaction() as session:
        by_org = running.lines.place(session, rows, running.report)
        _create_partitions(running, session, [event for placed in by_org.values() for _, event in placed])
    for org_id, placed in by_org.items():
        for part in batched(placed, MAX_EVENTS):
            _record(running, org_id, part)


def _create_partitions(running: _Run, session: Session, events: list[Event]) -> None:
    """Create the monthly partitions that the chunk needs."""
    months = {(event.occurred_at.year, event.occurred_at.month) for event in events if event.occurred_at}
    for year, month in sorted(months - running.months):
        if datetime(year, month, 1, tzinfo=UTC) <= running.clock.business:
            session.execute(_PARTITION, {"at": datetime(year, month, 1, tzinfo=UTC)})
    running.months |= months


def _record(running: _Run, org_id: UUID, lines: tuple[EventLine, ...]) -> None:
    """Record one org's lines in one call. Imports ignore limits and accept any time in the past."""
    events, report = [event for _, event in lines], running.report
    _open_periods(running, org_id, [event.occurred_at for event in events if event.occurred_at])
    _note_known(running, org_id, lines)
    oldest = min(event.occurred_at or running.clock.business for event in events)
    terms = BatchTerms(SOURCE, running.import_id, billable=running.job.bill, limited=False, oldest=oldest)
    outcome = record_batch(running.recorder, org_id, events, key_id=None, now=running.clock.business, terms=terms)
    report.recorded += outcome.recorded
    report.duplicates += outcome.duplicates
    running.brought += outcome.recorded
    for refusal in outcome.refused:
        line, event = lines[refusal.index]
        report.refuse(line, describe_refusal(refusal.code, event, refusal.facts, refusal.detail))


def _note_known(running: _Run, org_id: UUID, lines: tuple[EventLine, ...]) -> None:
    """Report the lines that something else brought, and count those that an earlier run of this import did."""
    with running.transaction() as session:
        known = find_known(session, org_id, [event for _, event in lines])
    for place, source in known.items():
        if source.import_id == running.import_id:
            running.brought += 1
        elif source.digest != running.job.source.digest:
            running.report.note_known(lines[place][0], source)


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


def _save_progress(running: _Run, line: int, *, finished: bool) -> None:
    report, now = running.report, running.clock.business
    with running.transaction() as session:
        row = session.get_one(UsageImport, running.key)
        row.line, row.recorded, row.duplicates, row.bad = line, report.recorded, report.duplicates, report.bad
        row.brought = max(row.brought, running.brought)
        row.updated_at = now
        row.finished_at = now if finished else None
