"""Imports in tests: a file, an importer over the books, and a process of its own that can be killed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from app.catalog import queries as catalog
from app.catalog.apply import apply_catalog
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from app.kit.postgres.pool import HotPool
from app.metering.imports import source_file
from app.metering.imports.column_mapping import Spec
from app.metering.imports.importer import import_file
from app.metering.imports.job import ImportClock, ImportJob
from app.metering.imports.report import ImportReport
from app.metering.imports.survey import survey_file
from app.metering.recorder import UsageRecorder
from app.settings import PROJECT
from app.subscriptions import periods
from tests.metering.books import Books
from tests.metering.world import NOW

SERVED = ("org={model}/{client}", "meter=t_sum", "quantity=requests", "kind=model", "occurred_at=+{window_start_s}s")
START = "2026-10-25T00:00:00Z"


def have_catalogue(books: Books) -> None:
    """Opening a period needs a default plan."""
    with books.transaction() as session:
        if catalog.find_default_version_id(session) is None:
            text = (PROJECT / "catalogs" / "scan_api.toml").read_text(encoding="utf-8")
            apply_catalog(session, read_catalog(text, "scan_api.toml"), actor=SYSTEM, now=NOW)


def run(
    books: Books,
    file: Path,
    maps: Sequence[str] = SERVED,
    *,
    start: str | None = START,
    bill: bool = False,
    create_orgs: bool = True,
    chunk: int = 1000,
    id_template: str | None = None,
    source: str | None = None,
    dry_run: bool = False,
    told: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """Import a file as `flask usage import` does."""
    spec = Spec.parse(maps, start, id_template, source)
    job = ImportJob(source_file.inspect_file(file), spec, bill, create_orgs, source is not None, chunk)

    def open_period(org_id, at, now):
        with books.transaction() as session:
            periods.ensure_period(session, org_id, at, now)

    made = books.recorder
    recorder = UsageRecorder(made.pool, made.max_age, made.max_ahead, made.standby, open_period)
    clock = ImportClock(NOW, NOW)
    if dry_run:
        return survey_file(job, books.transaction, clock, NOW + made.max_ahead, told)
    return import_file(job, recorder, books.transaction, clock, told)


def main(url: str, file: str, chunk: str) -> None:
    """Import, saying each line that was come to: for the test that kills this process."""
    books = Books(url, HotPool(url, 2))
    run(books, Path(file), chunk=int(chunk), told=lambda line: print(line, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
