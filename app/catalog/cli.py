"""`flask catalog`: apply and export catalogue files."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
from flask.cli import AppGroup

from app.catalog.apply import apply_catalog
from app.catalog.compare import CatalogDifference, compare_catalog
from app.catalog.errors import CatalogError, CatalogMistake
from app.catalog.export import export_catalog
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from app.web.database import session, transaction
from app.web.runtime import business_now

group = AppGroup("catalog", help="Manage meters and plans as TOML files.")


@group.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the changes without writing anything.")
@click.option("--archive-missing", is_flag=True, help="Archive live plans that are not in the file.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def apply_file(file: Path, *, dry_run: bool, archive_missing: bool, as_json: bool) -> None:
    """Apply FILE to the catalogue and print the changes.

    Published versions are never edited: a plan whose terms changed gets a new version, and existing subscribers stay on
    the old one. Applying a file twice changes nothing. An invalid file is rejected as a whole, with the line and key
    of every mistake.

    Example: flask catalog apply catalogs/coaching.toml --dry-run
    """
    try:
        catalog = read_catalog(_read(file), str(file))
        if dry_run:
            difference = compare_catalog(session(), catalog, archive_missing=archive_missing)
            words = list(_words(difference))
        else:
            with transaction() as open_session:
                difference = apply_catalog(
                    open_session, catalog, archive_missing=archive_missing, actor=SYSTEM, now=business_now()
                )
                words = list(_words(difference))
    except CatalogError as error:
        _reject(file, error, as_json=as_json)
    if as_json:
        click.echo(json.dumps({"changed": bool(difference), "applied": not dry_run, "difference": words}))
    else:
        click.echo("\n".join(words))


@group.command("export")
@click.option("--json", "as_json", is_flag=True, help="Print the catalogue as JSON.")
def export_file(*, as_json: bool) -> None:
    """Print the catalogue as TOML. Applying the output changes nothing.

    Example: flask catalog export > catalog.toml
    """
    document = export_catalog(session())
    click.echo(json.dumps(tomllib.loads(document)) + "\n" if as_json else document, nl=False)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise CatalogError([CatalogMistake(str(file), line, "", "must be UTF-8 text")]) from None


def _reject(file: Path, error: CatalogError, *, as_json: bool) -> None:
    if as_json:
        problems = [{"file": p.file, "line": p.line, "key": p.key, "detail": p.detail} for p in error.problems]
        click.echo(json.dumps({"changed": False, "applied": False, "problems": problems}))
    else:
        click.echo("\n".join(map(str, error.problems)), err=True)
        count = len(error.problems)
        click.echo(f"{file} was not applied: {count} problem{'s'[: count != 1]}, nothing was written.", err=True)
    sys.exit(1)


def _words(difference: CatalogDifference) -> Iterator[str]:
    """Describe the changes line by line: + new, ~ changed, - archived."""
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
            after = f", after version {number - 1}, which is unchanged" if plan.version else ""
            yield f"+ plan {key}, version {number}{after}"
            yield from _facts(plan.facts)
    for row in difference.archived:
        yield f"- plan {row.key}: not in the file, archived"
    for key in difference.missing:
        yield f"  plan {key}: not in the file, left unchanged (--archive-missing archives it)"
    if not difference:
        yield "no changes"


def _facts(facts: dict[str, tuple[str, str]]) -> Iterator[str]:
    for path, (old, new) in facts.items():
        yield f"    {path}: {new}" if old == "-" else f"    {path}: {old} -> {new}"
