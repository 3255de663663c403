"""View models of the plan comparison; amounts are Decimals in major units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.portal.plans.costs import CostsView
from app.portal.plans.replay_view import ReplayView
from app.portal.shell.links import Link
from app.statements.comparison import CompareGroup
from app.statements.moves import AnnouncedMove


@dataclass(frozen=True)
class PlanColumn:
    """One plan of the comparison. `price` is None for a custom price; `per` is the interval that it is for.

    `base` is the plan of which it has everything, plus the highlights. `saving` says what paying by the year saves.
    `primary`: the one button of the page that stands out.
    `today` says what the viewer's own plan is sold as today, where that is another version.
    """

    key: str
    name: str
    summary: str
    price: Decimal | None
    price_note: str
    per: str
    button_label: str | None
    button_href: str | None
    current: bool = False
    suggested: bool = False
    highlights: Sequence[str] = ()
    base: str | None = None
    saving: str | None = None
    primary: bool = False
    today: str | None = None


@dataclass(frozen=True)
class PlansView:
    """The plans on sale, at one interval and in one currency."""

    currency: str
    interval: str
    intervals: Sequence[Link]
    currencies: Sequence[Link]
    plans: Sequence[PlanColumn]
    groups: Sequence[CompareGroup]
    tax_note: str
    costs: CostsView | None = None
    replay: ReplayView | None = None
    move: AnnouncedMove | None = None
