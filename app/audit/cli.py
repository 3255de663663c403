"""`flask audit`. The Click context object is a callable that opens a transaction and yields its session."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import click
from sqlalchemy.orm import Session

from app.audit.verify import survey


@click.group("audit")
def group() -> None:
    """The audit chain."""


@group.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--chain", help='One chain only: an org id, or "installation".')
@click.pass_obj
def verify(transaction: Callable[[], AbstractContextManager[Session]], as_json: bool, chain: str | None) -> None:
    """Verify every chain; print the first bad entry of each broken chain and exit 1 if there is one.

    Example: flask audit verify --json
    """
    with transaction() as session:
        report = survey(session, chain)
    if as_json:
        problems = [problem.as_dict() for problem in report.problems]
        click.echo(json.dumps({"chains": report.chains, "entries": report.entries, "problems": problems}))
    else:
        for problem in report.problems:
            click.echo(f"chain {problem.chain}, entry {problem.seq}: {problem.what}")
        click.echo(f"{report.chains} chains, {report.entries} entries, {len(report.problems)} problems", err=True)
    sys.exit(1 if report.problems else 0)
