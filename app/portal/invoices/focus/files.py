"""Streams FOCUS rows as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from flask import Response
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.catalog import queries as catalog
from app.invoices.parties import build_seller
from app.kit.errors import NotFound
from app.kit.periods import Period
from app.portal.invoices.focus.documents import (
    BilledDocument,
    find_invoice_source,
    iterate_invoice,
    iterate_month,
    load_prices,
)
from app.portal.invoices.focus.rows import Billing, iterate_rows
from app.portal.invoices.focus.schema import HEAD, FocusRow
from app.web import csv_export
from app.web.csv_file import stream_csv
from app.web.database import end_read_transaction, session
from app.web.runtime import runtime

Read = Callable[[Session], Iterator[Sequence[BilledDocument]]]


def stream_invoice(org_id: UUID, named: str) -> Response:
    """The file of an invoice, by our id or Stripe's. Raises `NotFound` for one that is not issued."""
    source = find_invoice_source(session(), org_id, named)
    if source is None:
        raise NotFound("There is no such invoice, or it is not issued yet.")
    return _stream(org_id, lambda opened: iterate_invoice(opened, org_id, source), "focus-invoice")


def stream_month(org_id: UUID, month: Period) -> Response:
    """The file of what was invoiced and credited in a month (UTC)."""
    return _stream(org_id, lambda opened: iterate_month(opened, org_id, month), f"focus-{month.start:%Y-%m}")


def _stream(org_id: UUID, read: Read, name: str) -> Response:
    org, seller = accounts.get_org(session(), org_id).name, build_seller(runtime().settings).name
    return stream_csv(name, HEAD, lambda opened: map(_list_cells, _iterate_rows(opened, org_id, org, seller, read)))


def _iterate_rows(opened: Session, org_id: UUID, org: str, seller: str, read: Read) -> Iterator[FocusRow]:
    for page in read(opened):
        prices = load_prices(opened, page)
        plans = catalog.get_plans_of_versions(opened, {price.plan_version_id for price in prices.values()})
        billing = Billing(org_id, org, seller, prices, plans)
        rows = [row for document in page for row in iterate_rows(billing, document)]
        end_read_transaction()
        yield from rows


def _list_cells(row: FocusRow) -> tuple[csv_export.Cell, ...]:
    return tuple(_write(getattr(row, name)) for name in FocusRow.__struct_fields__)


def _write(value: csv_export.Cell) -> csv_export.Cell:
    """Times as FOCUS writes them, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value
