"""`flask billing`: closes usage periods and reports what was billed."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

import click
from flask.cli import AppGroup
from sqlalchemy import Row

from app.billing_runs.queries import CloseFilter, list_closes
from app.billing_runs.tasks import close_periods
from app.payments.cli import background_gateway
from app.statements.wording import format_amount
from app.web.database import transaction
from app.web.runtime import business_now

group = AppGroup("billing", help="Usage periods: close and bill them, report what was billed.")
MOST = 10_000


@group.command("close")
@click.option("--org", "org_id", type=click.UUID, help="Only this organisation's periods.")
def close(org_id: UUID | None) -> None:
    """Rate and bill every usage period that is due, as the worker does each minute. Safe to repeat.

    Exits 1 if a period failed; the others are done all the same.

    Example: flask billing close
    """
    with background_gateway():
        report = close_periods(org_id)
    click.echo(
        f"{len(report.orgs)} organisations: {len(report.rated)} periods rated, {len(report.billed)} billed,"
        f" {len(report.waiting)} wait, {len(report.errors)} failed; {len(report.credited)} credit notes issued"
    )
    for key, why in report.errors.items():
        click.echo(f"failed  {key.org_id}  {key.starts_at:%Y-%m-%d}  {why}", err=True)
    for note_id, why in report.credit_errors.items():
        click.echo(f"failed  credit note {note_id}  {why}", err=True)
    sys.exit(1 if report.errors or report.credit_errors else 0)


@group.command("report")
@click.option("--days", default=31, show_default=True, help="How far back.")
def report(days: int) -> None:
    """List the closed periods, what their usage came to, and what is not finished.

    Example: flask billing report --days 7
    """
    with transaction() as session:
        rows = list_closes(session, CloseFilter(business_now() - timedelta(days=days)), MOST)
    for row in rows:
        click.echo(_describe(row))
    click.echo(f"{len(rows)} periods")


def _describe(row: Row[Any]) -> str:
    amount = format_amount(row.amount, row.currency) if row.currency else "-"
    state = "billed" if row.billed_at else "rated" if row.rated_at else "open"
    where = row.stripe_invoice_id or row.kind or ""
    error = f"  {row.error} ({row.failures} times)" if row.error else ""
    return f"{row.period_start:%Y-%m-%d}  {row.period_end:%Y-%m-%d}  {row.name}  {amount}  {state}  {where}{error}"
