"""Builds the plan receipt: what was agreed, how today's version differs, how periods were billed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.portal.invoices.contract.comparison import ContractRow
from app.statements.comparison import CompareRow, describe_offer_price, list_changes
from app.statements.offers import Offer
from app.statements.wording import format_day


@dataclass(frozen=True, slots=True)
class Agreement:
    """What an org is on, in which currency and interval, since when; `today` is the plan's newest version.

    `paid` has the price, where a move by staff has it follow later than the rest.
    """

    agreed: Offer
    today: Offer
    currency: str
    interval: str
    since: datetime
    zone: str
    paid: Offer | None = None


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """The page: facts of the agreement, its terms, what is different today (agreed, today), and the contract watch."""

    facts: Sequence[tuple[str, str]]
    terms: Sequence[CompareRow]
    changes: Sequence[CompareRow]
    newest: int
    is_newest: bool
    watch: Sequence[ContractRow]
    zone: str


def build_receipt_view(agreement: Agreement, watch: Sequence[ContractRow]) -> ReceiptView:
    """Build the page."""
    agreed, today = agreement.agreed, agreement.today
    is_newest = agreed.version_id == today.version_id
    return ReceiptView(
        facts=[
            ("Plan", f"{agreed.name}, version {agreed.number}"),
            ("Price", describe_offer_price(agreement.paid or agreed, agreement.currency, agreement.interval)),
            ("Since", format_day(agreement.since, agreement.zone)),
        ],
        terms=list_changes([agreed], agreement.currency),
        changes=[] if is_newest else _list_changes(agreement),
        newest=today.number,
        is_newest=is_newest,
        watch=watch,
        zone=agreement.zone,
    )


def _list_changes(agreement: Agreement) -> list[CompareRow]:
    """The rows in which today's version differs, the price first."""
    shown = [agreement.agreed, agreement.today]
    prices = [describe_offer_price(offer, agreement.currency, agreement.interval) for offer in shown]
    changed = [CompareRow("Price", prices)] if prices[0] != prices[1] else []
    return [*changed, *list_changes(shown, agreement.currency)]
