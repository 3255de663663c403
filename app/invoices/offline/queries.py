"""Reads of our own invoices; the org is the first argument where one asks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Row, Select, cast, column, func, select, table, tuple_
from sqlalchemy.orm import Session, aliased

from app.invoices.offline.models import OPEN, IssuedInvoice, overdue
from app.kit.errors import NotFound
from app.kit.postgres.together import ask

OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class IssuedFilter:
    """A filter on our own invoices: of one org or all, in a state (`overdue`: open after the due day) or any."""

    org_id: UUID | None = None
    state: str | None = None


def get_issued(session: Session, invoice_id: UUID, org_id: UUID | None = None) -> IssuedInvoice:
    """Get an invoice of ours as it is now, of the org if one is given. Raises `NotFound`."""
    row = session.get(IssuedInvoice, invoice_id, populate_existing=True)
    if row is None or (org_id is not None and row.org_id != org_id):
        raise NotFound("There is no such invoice.")
    return row


def lock_issued(session: Session, invoice_id: UUID) -> IssuedInvoice:
    """Lock an invoice of ours for a change. Raises `NotFound`."""
    query = select(IssuedInvoice).where(IssuedInvoice.invoice_id == invoice_id).with_for_update()
    row = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotFound("There is no such invoice.")
    return row


def find_issued(session: Session, org_id: UUID, ids: Collection[UUID]) -> dict[UUID, IssuedInvoice]:
    """Find invoices of ours by id."""
    if not ids:
        return {}
    return {row.invoice_id: row for row in ask(session, select_issued(org_id, ids))}


def select_issued(org_id: UUID, ids: Collection[UUID]) -> Select[IssuedInvoice]:
    """Select invoices of ours by id."""
    return select(IssuedInvoice).where(IssuedInvoice.org_id == org_id, IssuedInvoice.invoice_id.in_(ids))


def find_by_number(session: Session, number: str) -> IssuedInvoice | None:
    """Find the invoice of ours with this number, of any org."""
    return session.scalars(select(IssuedInvoice).where(IssuedInvoice.number == number)).one_or_none()


def search_by_number(session: Session, org_id: UUID, part: str, limit: int) -> list[IssuedInvoice]:
    """Search the org's invoices of ours for part of a number, in any case, newest first."""
    matching = IssuedInvoice.org_id == org_id, IssuedInvoice.number.icontains(part, autoescape=True)
    query = select(IssuedInvoice).where(*matching).order_by(IssuedInvoice.issued_at.desc())
    return list(session.scalars(query.limit(limit)))


def list_issued(
    session: Session, shown: IssuedFilter, now: datetime, before: tuple[datetime, UUID] | None, limit: int
) -> list[IssuedInvoice]:
    """List invoices of ours, newest first; `before` is the last one of the page before."""
    return ask(session, select_newest_issued(shown, now, before, limit))


def select_newest_issued(
    shown: IssuedFilter, now: datetime, before: tuple[datetime, UUID] | None, limit: int
) -> Select[IssuedInvoice]:
    """Select what `list_issued` lists."""
    query = _narrow(select(IssuedInvoice), shown, now)
    if before is not None:
        query = query.where(tuple_(IssuedInvoice.issued_at, IssuedInvoice.invoice_id) < before)
    return query.order_by(IssuedInvoice.issued_at.desc(), IssuedInvoice.invoice_id.desc()).limit(limit)


def list_owed(
    session: Session, shown: IssuedFilter, now: datetime, after: tuple[datetime, UUID] | None, limit: int
) -> list[IssuedInvoice]:
    """List open invoices of ours, the longest overdue first; `after` is the last one of the page before."""
    query = _narrow(select(IssuedInvoice), shown, now).where(IssuedInvoice.state == OPEN)
    if after is not None:
        query = query.where(tuple_(IssuedInvoice.due_at, IssuedInvoice.invoice_id) > after)
    return list(session.scalars(query.order_by(IssuedInvoice.due_at, IssuedInvoice.invoice_id).limit(limit)))


def sum_owed(session: Session, now: datetime, org_id: UUID | None = None) -> Sequence[Row[Any]]:
    """What is open by currency, and the part that is overdue: currency, owed, invoices, overdue, overdue_invoices.

    Worked example: 149.00 USD due tomorrow and 20.00 USD due last week, 5.00 of it paid: (USD, 16400, 2, 1500, 1).
    """
    query = _sums(now)
    if org_id is not None:
        query = query.where(IssuedInvoice.org_id == org_id)
    rows: Sequence[Row[Any]] = session.execute(query.order_by(IssuedInvoice.currency)).all()  # type: ignore[assignment]  # rows of five
    return rows


def sum_owed_with_overdue(
    session: Session, now: datetime, limit: int
) -> tuple[Sequence[Row[Any]], list[tuple[IssuedInvoice, str]]]:
    """`sum_owed` of all orgs, and their longest overdue invoices, each with its org's name, in one statement."""
    sums = _sums(now).subquery()
    late = select(IssuedInvoice).where(overdue(now)).order_by(IssuedInvoice.due_at, IssuedInvoice.invoice_id)
    each = aliased(IssuedInvoice, late.limit(limit).subquery())
    orgs = table("accounts_orgs", column("id"), column("name"))
    query = (
        select(*sums.c, each, orgs.c.name)
        .select_from(sums)
        .outerjoin(each, each.currency == sums.c.currency)
        .outerjoin(orgs, orgs.c.id == each.org_id)
        .order_by(sums.c.currency)
    )
    rows = session.execute(query).all()
    found = [(invoice, name) for *_, invoice, name in rows if invoice is not None]
    by_currency: dict[str, Row[Any]] = {row.currency: row for row in rows}  # type: ignore[misc]  # rows of seven
    return [*by_currency.values()], sorted(found, key=lambda pair: (pair[0].due_at, pair[0].invoice_id))


def _sums(now: datetime) -> Select[str, int, int, int, int]:
    late = overdue(now)
    return (
        select(
            IssuedInvoice.currency,
            cast(func.sum(IssuedInvoice.remaining), BigInteger).label("owed"),
            func.count().label("invoices"),
            cast(func.coalesce(func.sum(IssuedInvoice.remaining).filter(late), 0), BigInteger).label("overdue"),
            func.count().filter(late).label("overdue_invoices"),
        )
        .where(IssuedInvoice.state == OPEN)
        .group_by(IssuedInvoice.currency)
    )


def _narrow(query: Select[IssuedInvoice], shown: IssuedFilter, now: datetime) -> Select[IssuedInvoice]:
    if shown.org_id is not None:
        query = query.where(IssuedInvoice.org_id == shown.org_id)
    if shown.state == OVERDUE:
        return query.where(overdue(now))
    return query if shown.state is None else query.where(IssuedInvoice.state == shown.state)
