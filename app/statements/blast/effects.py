"""What a blast radius says: of one organisation, of each currency, and of recurring revenue. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CostChange:
    """What something costs now, and what it would cost, in minor units."""

    before: int
    after: int

    @property
    def difference(self) -> int:
        """Above zero: it becomes dearer."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class OrgEffect:
    """What the version changes for one organisation: fee and usage of its running period, and of its last closed one.

    `closed` None: no period on this plan is closed. `sold` False: the version has no price at its interval and
    currency. `exceeded` names the meters whose present usage is beyond the version's limit. `at_once`: nothing of the
    running period becomes dearer or less, whatever is used of it. `own_price`: it pays a price made by hand.
    """

    org_id: UUID
    name: str
    number: int
    currency: str
    interval: str | None
    running: CostChange
    closed: CostChange | None
    exceeded: Sequence[str]
    sold: bool
    at_once: bool = False
    own_price: bool = False


@dataclass(frozen=True, slots=True)
class CurrencySums:
    """What periods of organisations that pay in one currency come to; of those that have the version's price."""

    currency: str
    orgs: int
    running: CostChange
    closed: CostChange


@dataclass(frozen=True, slots=True)
class RevenueChange:
    """Monthly recurring revenue at list prices, before discounts; `unsold` pay by what the version is not sold by."""

    currency: str
    orgs: int
    unsold: int
    monthly: CostChange


@dataclass(frozen=True)
class BlastRadius:
    """What a version would change. `orgs` are on the plan, of which `effects` has those whose usage was rated, the
    largest difference first.
    """

    orgs: int
    effects: Sequence[OrgEffect]
    sums: Sequence[CurrencySums]
    revenue: Sequence[RevenueChange]

    @property
    def complete(self) -> bool:
        """Whether every organisation was rated."""
        return self.orgs == len(self.effects)

    @property
    def dearer(self) -> int:
        """How many pay more for the running period."""
        return sum(1 for each in self.effects if each.sold and each.running.difference > 0)

    @property
    def cheaper(self) -> int:
        """How many pay less for it."""
        return sum(1 for each in self.effects if each.sold and each.running.difference < 0)

    @property
    def exceeding(self) -> int:
        """How many have used more than the version allows."""
        return sum(1 for each in self.effects if each.exceeded)

    @property
    def unsold(self) -> int:
        """How many pay by what the version has no price for."""
        return sum(1 for each in self.effects if not each.sold)
