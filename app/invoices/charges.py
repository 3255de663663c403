"""The charges that lines were rated by: their terms name each by its id, under which it never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.invoices.models import InvoiceLine
from app.kit.postgres.arrays import encode_plain

_CHARGES = text("""
SELECT id::text AS id, model, properties FROM subscriptions_charges WHERE id = ANY (CAST(:ids AS uuid[]))
""")


class LineCharge(NamedTuple):
    """A pricing model with its properties, as the catalogue or an override has them."""

    model: str
    properties: Mapping[str, Any]


def load_charges(session: Session, lines: Iterable[InvoiceLine]) -> dict[UUID, LineCharge]:
    """Load the charges of lines by the lines' ids; none for a line that nothing was charged for."""
    named = {line.id: line.terms["charge_id"] for line in lines if line.terms.get("charge_id")}
    if not named:
        return {}
    rows = session.execute(_CHARGES, {"ids": encode_plain(set(named.values()))}).all()
    charges = {row.id: LineCharge(row.model, row.properties) for row in rows}
    return {line_id: charges[charge_id] for line_id, charge_id in named.items()}
