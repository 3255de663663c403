"""Reads a whole file without writing anything: the dry run, and the check of a file whose name is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.batches import batched
from app.metering.imports import progress
from app.metering.imports.job import ImportClock, ImportJob, OnProgress, Transaction
from app.metering.imports.known import find_known
from app.metering.imports.lines import EventLine, EventLines
from app.metering.imports.report import ImportReport, describe_refusal
from app.metering.schemas import MAX_EVENTS

_METERS = text("SELECT key, dimension FROM catalog_meters WHERE archived_at IS NULL")


class OtherContentError(Exception):
    """A file of this name was imported with other content; the message says what to do."""


def survey_file(
    job: ImportJob, transaction: Transaction, clock: ImportClock, newest: datetime, on_progress: OnProgress
) -> ImportReport:
    """Report what an import would do, without doing it. Clients and limits are not looked at.

    Events after `newest` are bad. Raises `MappingError` and `FileError`.
    """
    lines, report = EventLines(job, clock, dry_run=True), ImportReport(job.source.path.name, dry_run=True)
    for rows in lines.read_chunks():
        with transaction() as session:
            meters = {row.key: row.dimension for row in session.execute(_METERS)}
            for org_id, placed in lines.place(session, rows, report).items():
                for part in batched(_recordable(placed, meters, newest, report), MAX_EVENTS):
                    _count(session, org_id, part, job, report)
        on_progress(rows[-1][0])
    return report


def refuse_other_content(job: ImportJob, transaction: Transaction, clock: ImportClock, on_progress: OnProgress) -> None:
    """Raise `OtherContentError` for a file whose name was imported with other content, unless it is a correction.

    A correction is imported with the same options and contains every line that was recorded (decision 37).
    """
    if job.new_source or job.spec.id is not None:
        return
    file = job.source.path.name
    with transaction() as session:
        namesakes = progress.list_namesakes(session, file, job.source.digest)
    if not namesakes:
        return
    mapping = progress.hash_mapping(job.spec, bill=job.bill)
    alike = {row.id: row.brought for row in namesakes if row.mapping == mapping}
    if alike:
        report = survey_file(job, transaction, clock, clock.business, on_progress)
        found: Counter[UUID] = Counter()
        for source, count in report.known.items():
            if source.import_id is not None:
                found[source.import_id] += count
        if all(found[import_id] >= brought for import_id, brought in alike.items()):
            return
    raise OtherContentError(
        f"{file} was imported on {namesakes[-1].started_at:%d %B %Y} with other content. If this is other use, name its"
        " source, such as --source second-export. If it is the same export and recorded lines have changed, --source ''"
        " imports it as it is: unchanged lines count once, changed ones count beside what was recorded."
    )


def _recordable(
    placed: list[EventLine], meters: dict[str, str | None], newest: datetime, report: ImportReport
) -> Iterator[EventLine]:
    for line, event in placed:
        if event.occurred_at is not None and event.occurred_at > newest:
            report.refuse(line, describe_refusal("event_in_future", event))
        elif event.meter not in meters:
            report.refuse(line, describe_refusal("unknown_meter", event))
        elif (dimension := meters[event.meter]) and getattr(event, dimension) is None:
            report.refuse(line, describe_refusal("invalid_event", event, {"dimension": dimension}))
        else:
            yield line, event


def _count(session: Session, org_id: UUID, part: tuple[EventLine, ...], job: ImportJob, report: ImportReport) -> None:
    known = find_known(session, org_id, [event for _, event in part])
    for place, source in known.items():
        if source.digest != job.source.digest:
            report.note_known(part[place][0], source)
    report.duplicates += len(known)
    report.recorded += len(part) - len(known)
