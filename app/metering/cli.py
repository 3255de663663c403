"""`flask usage`: import past usage, verify what is kept, fold roll-ups now."""

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
from app.metering.recording.recorder import usage_recorder
from app.metering.tasks import catch_up
from app.metering.verification import repair as repairs
from app.metering.verification import verify
from app.web.database import transaction
from app.web.runtime import business_now, wall_now

group = AppGroup("usage", help="Usage: import it, verify it.")

_MAP = """How a field is got: FIELD=COLUMN, FIELD='{column}/{column}', FIELD=text:fixed, meter=KEY,
occurred_at='+{seconds}s' (counts from --start; ms, s, m, h, d). Fields: org, meter, quantity (1 when not mapped),
occurred_at, kind, provider, endpoint, language, format, user, client, job, status_code, response_ms, file_bytes."""


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--map", "maps", multiple=True, metavar="FIELD=SPEC", help=_MAP)
@click.option("--start", metavar="TIME", help="What occurred_at='+…' counts from, such as 2026-10-25T00:00:00Z.")
@click.option("--id", "id_template", metavar="TEMPLATE", help="Event ids; without it the file's digest and the line.")
@click.option("--bill", is_flag=True, help="Bill the usage; without it it counts, and is never priced.")
@click.option("--create-orgs", is_flag=True, help="Make the orgs that are missing, under the names in the file.")
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
    """Import FILE (.csv, .csv.gz, .jsonl, .jsonl.gz), each line once however often it is run.

    Imported usage passes limits and sends no alert. A killed import goes on where it stopped. Bad lines are kept out,
    counted and listed; then the exit code is 1. Options that do not fit the file: exit code 2, nothing imported.

    Example: flask usage import requests.csv.gz --map org='{model}/{client}' --map meter=api_calls
    --map quantity=requests --map kind=model --map occurred_at='+{window_start_s}s' --start 2026-10-25T00:00:00Z
    --create-orgs
    """
    try:
        spec = Spec.parse(maps, start, id_template)
        source = source_file.inspect(file)
        job = importer.Job(source, spec, bill, create_orgs, chunk)
        report, seconds = _import(job)
    except (MappingError, source_file.FileError) as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps(_facts(report, seconds)))
    else:
        click.echo(_words(report, seconds))
    sys.exit(1 if report.bad else 0)


@group.command("verify")
@click.option("--repair", is_flag=True, help="Mend counters, windows and roll-ups from the events; never the events.")
@click.option("--org", "org_id", type=click.UUID, help="Only this org's books.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify_usage(*, repair: bool, org_id: UUID | None, as_json: bool) -> None:
    """Recompute from the events all that is kept of them; exit 1 and name each difference.

    Usage may be recorded meanwhile. With --repair the exit code says how it stands after the mending.

    Example: flask usage verify --json
    """
    found = _survey(org_id)
    mended = 0
    if repair and found.differences:
        mended = _mend(found)
        found = _survey(org_id)
    if as_json:
        differences = [{**asdict(each), "org_id": str(each.org_id or "")} for each in found.differences]
        facts = {"checked": found.checked, "differences": differences, "waiting": found.waiting, "mended": mended}
        click.echo(json.dumps(facts))
    else:
        click.echo("\n".join(verify.words(found)))
    sys.exit(1 if found.differences else 0)


@group.command("fold")
def fold_usage() -> None:
    """Fold what is due into the roll-ups now, as the worker does every ten seconds.

    Example: flask usage fold
    """
    click.echo(f"{catch_up(float('inf'))} events folded")


def _survey(org_id: UUID | None) -> verify.Survey:
    with tqdm(total=0, unit=" orgs", disable=None, dynamic_ncols=True, leave=False) as bar:

        def told(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        with transaction() as session:
            return verify.survey(session, told, only=None if org_id is None else [org_id])


def _mend(found: verify.Survey) -> int:
    """Mend what can be mended, one transaction an org; returns how many orgs."""
    orgs = repairs.orgs_to_mend(found.differences)
    for org_id in orgs:
        with transaction() as session:
            repairs.mend_org(session, org_id, found.differences, business_now())
    if any(each.check in {"totals", "days"} for each in found.differences):
        with transaction() as session:
            repairs.mend_totals(session)
    return len(orgs)


def _import(job: importer.Job) -> tuple[importer.ImportReport, float]:
    started = time.monotonic()
    clock = importer.ImportClock(business_now(), wall_now())
    # tqdm writes to standard error, and nothing where that is no terminal.
    with tqdm(total=job.source.lines, unit=" rows", disable=None, dynamic_ncols=True) as bar:

        def move(line: int) -> None:
            bar.update(line - bar.n)

        report = importer.run(job, usage_recorder(), transaction, clock, move)
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
        lines.append(f"{report.file}: went on after line {report.resumed_after}")
    rate = f"{report.lines / seconds:,.0f} rows/s" if seconds else ""
    lines.append(
        f"{report.file}: {report.recorded} recorded, {report.duplicates} known already, {report.bad} bad,"
        f" {report.orgs_created} orgs made; {seconds:.1f} s, {rate}"
    )
    return "\n".join(lines)
