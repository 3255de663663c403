"""`flask stripe`: reconciles our records with Stripe and replays events from the inbox."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

import click
from flask import current_app
from flask.cli import AppGroup

from app.kit.actor import SYSTEM
from app.kit.errors import NotFound
from app.payments.gateway import EXTENSION, get_gateway
from app.payments.reconciliation.reconcile import ReconciliationReport
from app.payments.tasks import reconcile as run
from app.payments.webhooks import inbox, inbox_queries
from app.payments.webhooks.apply import apply_event
from app.stripe_gateway import Gateway
from app.web.database import transaction
from app.web.runtime import business_now, runtime

group = AppGroup("stripe", help="Stripe: find and repair differences, replay events.")


@group.command("reconcile")
@click.option("--all", "everything", is_flag=True, help="Compare everything, not only what changed since the last run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def reconcile(*, everything: bool, as_json: bool) -> None:
    """Fetch missed events, resolve open checkouts, and compare the customers, subscriptions and invoices that changed.

    Every difference is reported and repaired by syncing the object. Exits 1 if any remain. Compares everything if the
    last run is more than thirty days ago.

    Example: flask stripe reconcile --all
    """
    get_gateway()  # fails early when payments are off
    with background_gateway():
        report = run(everything=everything)
    click.echo(json.dumps(_build_json(report)) if as_json else _render_text(report))
    sys.exit(1 if report.remaining else 0)


@group.command("replay")
@click.argument("event_id")
def replay_event(event_id: str) -> None:
    """Apply an event from the inbox again, now, whatever its outcome was.

    Example: flask stripe replay evt_1Pabc
    """
    try:
        with transaction() as session:
            inbox.reopen(session, event_id, actor=SYSTEM, now=business_now())
    except NotFound as missing:
        raise click.BadParameter(missing.detail, param_hint="EVENT_ID") from missing
    with background_gateway():
        apply_event(event_id)
    with transaction() as session:
        row = inbox_queries.get_event(session, event_id)
        click.echo(f"{row.id}: {row.state}" + (f" ({row.error})" if row.error else ""))


@contextmanager
def background_gateway() -> Iterator[None]:
    """Use the worker's time limits and retries for Stripe within the block: no page is waiting for an answer."""
    page_gateway = current_app.extensions[EXTENSION]
    current_app.extensions[EXTENSION] = Gateway.from_settings(replace(runtime().settings, is_background=True))
    try:
        yield
    finally:
        current_app.extensions[EXTENSION] = page_gateway


def _build_json(report: ReconciliationReport) -> dict[str, object]:
    return {
        "fetched": report.fetched,
        "asked": report.resolved,
        "compared": report.compared,
        "differences": [{**asdict(difference), "org_id": str(difference.org_id)} for difference in report.differences],
    }


def _render_text(report: ReconciliationReport) -> str:
    lines = [f"event {event_id}: fetched" for event_id in report.fetched]
    lines += [difference.describe() for difference in report.differences]
    lines.append(
        f"{len(report.fetched)} events fetched, {report.resolved} open payments resolved, {report.compared} objects"
        f" compared, {len(report.differences)} differences, {len(report.remaining)} not repaired"
    )
    return "\n".join(lines)
