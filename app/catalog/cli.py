"""`flask catalog`: apply a file, export one."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
from flask.cli import AppGroup

from app.catalog.apply import apply
from app.catalog.compare import CatalogDifference, compare
from app.catalog.errors import CatalogError, CatalogMistake
from app.catalog.export import export
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from app.web.database import session, transaction
from app.web.runtime import business_now

group = AppGroup("catalog", help="Meters and plans, kept as TOML.")


@group.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the difference and write nothing.")
@click.option("--archive-missing", is_flag=True, help="Archive live plans that the file does not name.")
@click.option("--json", "as_json", is_flag=True, help="Print the difference as JSON.")
def apply_file(file: Path, *, dry_run: bool, archive_missing: bool, as_json: bool) -> None:
    """Make the catalogue say what FILE says, and print the difference.

    A published version is never edited: a plan whose terms changed gets a new version, and its subscribers stay on
    theirs. Applying a file again changes nothing. A broken file is refused as a whole, naming each line and key.

    Example: flask catalog apply catalogs/coaching.toml --dry-run
    """
    try:
        catalog = read_catalog(_read(file), str(file))
        if dry_run:
            difference = compare(session(), catalog, archive_missing=archive_missing)
            words = list(_words(difference))
        else:
            with transaction() as open_session:
                difference = apply(
                    open_session, catalog, archive_missing=archive_missing, actor=SYSTEM, now=business_now()
                )
                words = list(_words(difference))
    except CatalogError as broken:
        _refuse(file, broken, as_json=as_json)
    if as_json:
        click.echo(json.dumps({"changed": bool(difference), "applied": not dry_run, "difference": words}))
    else:
        click.echo("\n".join(words))


@group.command("export")
@click.option("--json", "as_json", is_flag=True, help="Print the same tables as JSON.")
def export_file(*, as_json: bool) -> None:
    """Print the catalogue as TOML. Applying what it prints changes nothing.

    Example: flask catalog export > catalog.toml
    """
    written = export(session())
    click.echo(json.dumps(tomllib.loads(written)) + "\n" if as_json else written, nl=False)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise CatalogError([CatalogMistake(str(file), line, "", "must be UTF-8 text")]) from None


def _refuse(file: Path, broken: CatalogError, *, as_json: bool) -> None:
    if as_json:
        found = [{"file": p.file, "line": p.line, "key": p.key, "detail": p.detail} for p in broken.problems]
        click.echo(json.dumps({"changed": False, "applied": False, "problems": found}))
    else:
        click.echo("\n".join(map(str, broken.problems)), err=True)
        count = len(broken.problems)
        click.echo(f"{file} was not applied: {count} problem{'s'[: count != 1]}, nothing was written.", err=True)
    sys.exit(1)


def _words(difference: CatalogDifference) -> Iterator[str]:
    """The difference as lines: + new, ~ changed, - archived."""
    for meter in difference.meters:
        yield f"{'~' if meter.row else '+'} meter {meter.wanted.key}: {meter.wanted.name}, {meter.wanted.aggregation}"
        yield from _facts(meter.facts)
    for plan in difference.plans:
        key, number = plan.wanted.key, plan.number
        if plan.row is None:
            yield f"+ plan {key}: {plan.wanted.name}"
        elif plan.words:
            yield f"~ plan {key}"
            yield from _facts(plan.words)
        if plan.facts or plan.version is None:
            after = f", after version {number - 1}, which stays as it is" if plan.version else ""
            yield f"+ plan {key}, version {number}{after}"
            yield from _facts(plan.facts)
    for row in difference.archived:
        yield f"- plan {row.key}: not in the file, archived"
    for key in difference.missing:
        yield f"  plan {key}: not in the file, left as it is (--archive-missing archives it)"
    if not difference:
        yield "no change"


def _facts(facts: dict[str, tuple[str, str]]) -> Iterator[str]:
    for path, (old, new) in facts.items():
        yield f"    {path}: {new}" if old == "-" else f"    {path}: {old} -> {new}"
