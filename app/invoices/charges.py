"""The charges that lines were rated by: their terms name each by its id, under which it never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Text, Uuid, any_, column, func, select, table
from sqlalchemy.dialects.postgresql import JSONB

from app.invoices.models import InvoiceLine
from app.kit.postgres.together import AnySelect

_CHARGES = table(
    "subscriptions_charges", column("id", Uuid), column("model", Text), column("properties", JSONB), column("currency")
)


class LineCharge(NamedTuple):
    """A pricing model with its properties, as the catalogue or an override has them."""

    model: str
    properties: Mapping[str, Any]


def select_charges(ids: AnySelect) -> AnySelect:
    """Select charges by their ids: id, model and properties.

    The ids are an array, which the view's parts look up one by one, and not a set, for which they would be read whole.
    """
    columns = (_CHARGES.c.id, _CHARGES.c.model, _CHARGES.c.properties)
    return select(*columns).where(_CHARGES.c.id == any_(func.array(ids.scalar_subquery())))


def match_charges(lines: Iterable[InvoiceLine], rows: Iterable[Any]) -> dict[UUID, LineCharge]:
    """The charges of lines, from rows of `select_charges`, by the lines' ids."""
    charges = {str(row.id): LineCharge(row.model, row.properties) for row in rows}
    named = ((line.id, line.terms.get("charge_id")) for line in lines)
    return {line_id: charges[charge_id] for line_id, charge_id in named if charge_id}
