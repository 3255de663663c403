"""`flask billing`: closes usage periods and reports what was billed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import click
from flask.cli import AppGroup
from sqlalchemy import Row

from app.billing_runs.open_ends import OpenEnds, find_open_ends
from app.billing_runs.proof.run import prove_periods
from app.billing_runs.queries import CloseFilter, list_closes
from app.billing_runs.tasks import close_periods, open_lanes, rehearse_periods
from app.invoices.offline.queries import sum_owed
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

    Says which credit notes fail and which lines wait. Exits 1 if a period or a credit note failed; the others are done
    all the same.

    Example: flask billing close
    """
    with background_gateway(), open_lanes() as lanes:
        report = close_periods(org_id, lanes)
    click.echo(
        f"{len(report.orgs)} organisations: {len(report.rated)} periods rated, {len(report.billed)} billed,"
        f" {len(report.invoiced)} fees invoiced, {len(report.waiting)} wait, {len(report.errors)} failed;"
        f" {len(report.credited)} credit notes issued"
    )
    for key, why in report.errors.items():
        click.echo(f"failed  {key.org_id}  {key.starts_at:%Y-%m-%d}  {why}", err=True)
    with transaction() as session:
        _echo_open_ends(find_open_ends(session, business_now(), MOST, org_id))
    sys.exit(1 if report.errors or report.credit_errors else 0)


@group.command("report")
@click.option("--days", default=31, show_default=True, help="How far back.")
def report(days: int) -> None:
    """List the closed periods, what their usage came to, what is not finished, waits, or is open on our own invoices.

    Example: flask billing report --days 7
    """
    with transaction() as session:
        now = business_now()
        rows = list_closes(session, CloseFilter(now - timedelta(days=days)), MOST)
        ends, owed = find_open_ends(session, now, MOST), sum_owed(session, now)
    for row in rows:
        click.echo(_describe(row))
    click.echo(f"{len(rows)} periods")
    _echo_open_ends(ends)
    for row in owed:
        click.echo(
            f"our invoices: {format_amount(row.owed, row.currency)} open in {row.invoices},"
            f" {format_amount(row.overdue, row.currency)} overdue in {row.overdue_invoices}"
        )


@group.command("rehearse")
@click.option("--org", "org_id", type=click.UUID, help="Only this organisation's running period, again if need be.")
def rehearse(org_id: UUID | None) -> None:
    """Close every running period in a transaction that is rolled back, as the worker does each night.

    Only what has not been rehearsed since 02:00 UTC. Exits 1 if one failed or differs from the running estimate.

    Example: flask billing rehearse
    """
    report = rehearse_periods(org_id, seconds=float("inf"))
    done = f"{report.rehearsed} periods rehearsed, {report.failed} failed"
    click.echo(f"{done}, {report.alarms} differ from the running estimate")
    sys.exit(1 if report.failed or report.alarms else 0)


@group.command("verify")
@click.option("--org", "org_id", type=click.UUID, help="Only this organisation.")
@click.option(
    "--period",
    "at",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    help="Only the usage periods that contain this day or time (UTC).",
)
def verify(org_id: UUID | None, at: datetime | None) -> None:
    """Count the events of usage periods again, rate them again, and compare with what was kept, billed and sent.

    Every difference is named, and events that are not what was recorded; exits 1 if there are any. Usage may be
    recorded meanwhile. Takes as long as there are events.

    Example: flask billing verify --period 2026-12-01
    """
    periods = figures = differences = 0
    for proof in prove_periods(org_id, at.replace(tzinfo=UTC) if at else None, business_now()):
        periods, figures = periods + 1, figures + proof.figures
        for difference in proof.list_differences():
            differences += 1
            click.echo(f"org {proof.org_id}, period from {proof.period.start:%Y-%m-%dT%H:%M:%SZ}: {difference}")
    click.echo(f"{differences} differences in {figures} figures of {periods} periods")
    sys.exit(1 if differences else 0)


def _echo_open_ends(ends: OpenEnds) -> None:
    """What is open, as staff's page lists it; what could not be issued goes to the standard error."""
    for row in ends.failing_notes:
        amount = format_amount(row.amount, row.currency)
        click.echo(f"not issued  credit note {row.id}  {row.name}  {amount} on {row.invoice}  {row.error}", err=True)
    for row in ends.left_over:
        amount = format_amount(row.amount, row.currency)
        click.echo(f"left over  {row.name}  {amount}  the organisation pays in {row.running_currency} now")
    for row in ends.waiting:
        click.echo(f"waits  {row.name}  {format_amount(row.amount, row.currency)}  for the next invoice")


def _describe(row: Row[Any]) -> str:
    amount = format_amount(row.amount, row.currency) if row.currency else "-"
    state = "billed" if row.billed_at else "rated" if row.rated_at else "open"
    where = row.stripe_invoice_id or row.number or row.kind or ""
    error = f"  {row.error} ({row.failures} times)" if row.error else ""
    return f"{row.period_start:%Y-%m-%d}  {row.period_end:%Y-%m-%d}  {row.name}  {amount}  {state}  {where}{error}"
