"""`flask usage`: import past usage, verify counters and roll-ups, fold roll-ups now."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

import click
from flask.cli import AppGroup
from tqdm import tqdm

from app.kit.actor import SYSTEM
from app.kit.errors import NotFound
from app.metering.corrections.import_void import list_orgs, void_import_batch
from app.metering.imports import job as imports
from app.metering.imports import output, source_file
from app.metering.imports.column_mapping import MappingError, Spec
from app.metering.imports.importer import import_file
from app.metering.imports.report import ImportReport
from app.metering.imports.survey import OtherContentError, survey_file
from app.metering.recorder import get_usage_recorder
from app.metering.tasks import fold_due
from app.metering.verification import repair as repairs
from app.metering.verification import verify
from app.web.database import transaction
from app.web.runtime import business_now, wall_now

group = AppGroup("usage", help="Import and verify usage.")

_MAP = """Where a field comes from: FIELD=COLUMN, FIELD='{column}/{column}', FIELD=text:fixed, meter=KEY,
occurred_at='+{seconds}s' (offset from --start; ms, s, m, h, d). Fields: org, meter, quantity (default 1),
occurred_at, kind, provider, endpoint, language, format, user, client, job, status_code, response_ms, file_bytes."""


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--map", "maps", multiple=True, metavar="FIELD=SPEC", help=_MAP)
@click.option("--start", metavar="TIME", help="Base time of occurred_at='+…', such as 2026-10-25T00:00:00Z.")
@click.option("--id", "id_template", metavar="TEMPLATE", help="Event ids (default: made of the event itself).")
@click.option("--source", "source_name", metavar="NAME", help="Tells equal lines of different files apart.")
@click.option("--bill", is_flag=True, help="Bill the usage. By default it is counted but never priced.")
@click.option("--create-orgs", is_flag=True, help="Create missing orgs under the names in the file.")
@click.option("--dry-run", is_flag=True, help="Read the whole file and report; write nothing.")
@click.option("--chunk", type=click.IntRange(1, 1_000_000), default=imports.CHUNK, show_default=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def import_usage(  # noqa: PLR0917  # click passes one argument an option, by name
    file: Path,
    maps: tuple[str, ...],
    start: str | None,
    id_template: str | None,
    source_name: str | None,
    bill: bool,
    create_orgs: bool,
    dry_run: bool,
    chunk: int,
    as_json: bool,
) -> None:
    """Import FILE (.csv, .csv.gz, .jsonl, .jsonl.gz). Every line is counted once, however often you run it.

    Imported usage ignores limits and sends no alerts. An interrupted import resumes where it stopped. Invalid lines are
    skipped, counted and listed, and the exit code is 1. If the options do not fit the file, nothing is imported and the
    exit code is 2.

    After correcting a file, import it again: lines that were recorded count once, in any order and under any file name.
    Only equal lines of one file are counted separately. If another file has equal lines that are other use, import it
    with --source. A file of the same name that no longer contains what was recorded is refused without it.

    Example: flask usage import requests.csv.gz --map org='{model}/{client}' --map meter=api_calls
    --map quantity=requests --map kind=model --map occurred_at='+{window_start_s}s' --start 2026-10-25T00:00:00Z
    --create-orgs
    """
    try:
        spec = Spec.parse(maps, start, id_template, source_name)
        source = source_file.inspect_file(file)
        job = imports.ImportJob(source, spec, bill, create_orgs, source_name is not None, chunk)
        report, seconds = _import(job, dry_run=dry_run)
    except (MappingError, source_file.FileError, OtherContentError) as error:
        raise click.UsageError(str(error)) from None
    click.echo(json.dumps(output.list_facts(report, seconds)) if as_json else output.render_report(report, seconds))
    sys.exit(1 if report.bad else 0)


@group.command("verify")
@click.option("--repair", is_flag=True, help="Repair counters, windows and roll-ups from the events.")
@click.option("--org", "org_id", type=click.UUID, help="Verify only this org.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify_usage(*, repair: bool, org_id: UUID | None, as_json: bool) -> None:
    """Recompute counters and roll-ups from the events, and report every difference; exit 1 if there are any.

    Usage may be recorded meanwhile. With --repair, the exit code is the state after the repair.

    Example: flask usage verify --json
    """
    survey = _survey(org_id)
    repaired = 0
    if repair and survey.differences:
        repaired = _repair(survey)
        survey = _survey(org_id)
    if as_json:
        differences = [{**asdict(row), "org_id": str(row.org_id or "")} for row in survey.differences]
        facts = {"checked": survey.checked, "differences": differences, "waiting": survey.waiting, "mended": repaired}
        click.echo(json.dumps(facts))
    else:
        click.echo("\n".join(verify.render_survey(survey)))
    sys.exit(1 if survey.differences else 0)


@group.command("void-import")
@click.argument("import_id", type=click.UUID)
@click.option("--reason", required=True, help="Why; recorded with each event and in the audit log.")
@click.option("--org", "org_id", type=click.UUID, help="Only this organisation's usage.")
@click.option("--dry-run", is_flag=True, help="Show the organisations that the import brought usage; void nothing.")
def void_import(*, import_id: UUID, reason: str, org_id: UUID | None, dry_run: bool) -> None:
    """Void everything that an import brought, in batches; an interrupted run continues where it stopped.

    Maxima and distinct values of open periods stay, and so does usage older than 400 days; the exit code is 1 then.

    Example: flask usage void-import 0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e50 --reason "Wrong file"
    """
    with transaction() as session:
        orgs = [org_id] if org_id else list_orgs(session, import_id)
    if not orgs:
        raise click.BadParameter("There is no usage of this import.", param_hint="IMPORT_ID")
    left = 0
    for each in orgs:
        if dry_run:
            click.echo(str(each))
            continue
        voided, kept = _void_import(each, import_id, reason)
        left += kept
        click.echo(f"{each}  {voided} voided, {kept} cannot be")
    sys.exit(1 if left else 0)


def _void_import(org_id: UUID, import_id: UUID, reason: str) -> tuple[int, int]:
    """Void an import's usage of one org, a transaction a batch; returns how much was voided, and how much was not."""
    voided, kept, after, more = 0, 0, None, True
    while more:
        with transaction() as session:
            try:
                batch = void_import_batch(
                    session, org_id, import_id, reason, actor=SYSTEM, now=business_now(), after=after
                )
            except NotFound as missing:
                raise click.BadParameter(missing.detail, param_hint="IMPORT_ID") from None
        voided, kept = voided + batch.voided, kept + batch.period_open + batch.too_old
        after, more = batch.following, batch.following is not None
    return voided, kept


@group.command("fold")
def fold_usage() -> None:
    """Fold new events into the roll-ups now, as the worker does every ten seconds.

    Example: flask usage fold
    """
    click.echo(f"{fold_due(float('inf'))} events folded")


def _survey(org_id: UUID | None) -> verify.Survey:
    with tqdm(total=0, unit=" orgs", disable=None, dynamic_ncols=True, leave=False) as bar:

        def on_progress(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        with transaction() as session:
            return verify.survey_usage(session, on_progress, only=None if org_id is None else [org_id])


def _repair(survey: verify.Survey) -> int:
    """Repair what can be repaired, in one transaction per org; returns the number of orgs."""
    orgs = repairs.list_repairable_orgs(survey.differences)
    for org_id in orgs:
        with transaction() as session:
            repairs.repair_org(session, org_id, survey.differences, business_now())
    if any(row.check in repairs.TOTALED for row in survey.differences):
        with transaction() as session:
            repairs.repair_totals(session)
    return len(orgs)


def _import(job: imports.ImportJob, *, dry_run: bool) -> tuple[ImportReport, float]:
    started = time.monotonic()
    clock = imports.ImportClock(business_now(), wall_now())
    recorder = get_usage_recorder()
    # tqdm writes to standard error, and nothing when that is not a terminal.
    with tqdm(total=job.source.lines, unit=" rows", disable=None, dynamic_ncols=True) as bar:

        def on_progress(line: int) -> None:
            bar.update(line - bar.n)

        if dry_run:
            report = survey_file(job, transaction, clock, clock.business + recorder.max_ahead, on_progress)
        else:
            report = import_file(job, recorder, transaction, clock, on_progress)
    return report, time.monotonic() - started
