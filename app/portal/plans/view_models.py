"""What the plans page shows; amounts are Decimals in whole units of their currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.portal.shell.links import Link
from app.statements.comparison import CompareGroup
from app.statements.replay import ReplayRow


@dataclass(frozen=True)
class PlanColumn:
    """One plan of the comparison. `price` is none where it is agreed apart; `button_label` says what the press does."""

    key: str
    name: str
    summary: str
    price: Decimal | None
    price_note: str
    button_label: str | None
    button_href: str | None
    current: bool = False
    suggested: bool = False
    highlights: Sequence[str] = ()


@dataclass(frozen=True)
class PlansView:
    """The comparison of what is sold, in one interval and currency."""

    currency: str
    interval: str
    intervals: Sequence[Link]
    currencies: Sequence[Link]
    plans: Sequence[PlanColumn]
    groups: Sequence[CompareGroup]
    tax_note: str
    replay: Sequence[ReplayRow] = ()
    replay_period: str | None = None

    @property
    def per(self) -> str:
        """What a price is for."""
        return "a year" if self.interval == "year" else "a month"
