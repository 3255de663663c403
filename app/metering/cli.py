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

from app.metering.imports import importer, source_file
from app.metering.imports.column_mapping import MappingError, Spec
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
@click.option("--id", "id_template", metavar="TEMPLATE", help="Event ids (default: file digest and line).")
@click.option("--bill", is_flag=True, help="Bill the usage. By default it is counted but never priced.")
@click.option("--create-orgs", is_flag=True, help="Create missing orgs under the names in the file.")
@click.option("--chunk", type=click.IntRange(1, 1_000_000), default=importer.CHUNK, show_default=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def import_usage(  # noqa: PLR0917  # click passes one argument an option, by name
    file: Path,
    maps: tuple[str, ...],
    start: str | None,
    id_template: str | None,
    bill: bool,
    create_orgs: bool,
    chunk: int,
    as_json: bool,
) -> None:
    """Import FILE (.csv, .csv.gz, .jsonl, .jsonl.gz). Every line is counted once, however often you run it.

    Imported usage ignores limits and sends no alerts. An interrupted import resumes where it stopped. Invalid lines are
    skipped, counted and listed, and the exit code is 1. If the options do not fit the file, nothing is imported and the
    exit code is 2.

    Example: flask usage import requests.csv.gz --map org='{model}/{client}' --map meter=api_calls
    --map quantity=requests --map kind=model --map occurred_at='+{window_start_s}s' --start 2026-10-25T00:00:00Z
    --create-orgs
    """
    try:
        spec = Spec.parse(maps, start, id_template)
        source = source_file.inspect_file(file)
        job = importer.ImportJob(source, spec, bill, create_orgs, chunk)
        report, seconds = _import(job)
    except (MappingError, source_file.FileError) as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps(_facts(report, seconds)))
    else:
        click.echo(_words(report, seconds))
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
    if any(row.check in {"totals", "days"} for row in survey.differences):
        with transaction() as session:
            repairs.repair_totals(session)
    return len(orgs)


def _import(job: importer.ImportJob) -> tuple[importer.ImportReport, float]:
    started = time.monotonic()
    clock = importer.ImportClock(business_now(), wall_now())
    # tqdm writes to standard error, and nothing when that is not a terminal.
    with tqdm(total=job.source.lines, unit=" rows", disable=None, dynamic_ncols=True) as bar:

        def on_progress(line: int) -> None:
            bar.update(line - bar.n)

        report = importer.import_file(job, get_usage_recorder(), transaction, clock, on_progress)
    return report, time.monotonic() - started


def _facts(report: importer.ImportReport, seconds: float) -> dict[str, object]:
    return {
        "file": report.file,
        "resumed_after_line": report.resumed_after,
        "recorded": report.recorded,
        "duplicates": report.duplicates,
        "bad": report.bad,
        "orgs_created": report.orgs_created,
        "bad_lines": [{"line": line, "detail": words} for line, words in report.listed],
        "seconds": round(seconds, 3),
        "rows_per_second": round(report.lines / seconds) if seconds else None,
    }


def _words(report: importer.ImportReport, seconds: float) -> str:
    lines = [f"line {line}: {words}" for line, words in report.listed]
    if report.bad > len(report.listed):
        lines.append(f"… and {report.bad - len(report.listed)} more")
    if report.resumed_after:
        lines.append(f"{report.file}: resumed after line {report.resumed_after}")
    rate = f"{report.lines / seconds:,.0f} rows/s" if seconds else ""
    lines.append(
        f"{report.file}: {report.recorded} recorded, {report.duplicates} duplicates, {report.bad} invalid,"
        f" {report.orgs_created} orgs created; {seconds:.1f} s, {rate}"
    )
    return "\n".join(lines)
