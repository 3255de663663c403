"""What the address of the comparison asks for: interval, currency, a usage to price, and how many months."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.kit.errors import DomainError
from app.kit.money import parse_quantity
from app.portal.plans.costs import CostAsked
from app.portal.plans.replay_view import MONTHS


@dataclass(frozen=True, slots=True)
class ComparisonQuery:
    """The query of /plans, made sane: what cannot be read counts as not given."""

    costs: CostAsked
    months: int


def parse_comparison_query(args: Mapping[str, str]) -> ComparisonQuery:
    """Parse the query."""
    months = next((count for count in MONTHS if str(count) == args.get("months")), MONTHS[0])
    return ComparisonQuery(CostAsked(args.get("meter"), _number(args, "usage"), _number(args, "top")), months)


def _number(args: Mapping[str, str], name: str) -> Decimal | None:
    try:
        return parse_quantity(args.get(name, "").replace(",", ""))
    except (DomainError, ValueError):
        return None
