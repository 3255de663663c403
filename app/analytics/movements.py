"""How recurring revenue moved within a month: what each organisation had at its start and end, by kind. Pure.

Net, so one that comes and goes within a month moves nothing. What moved adds up exactly: revenue at the start, and new,
expansion and reactivation, less contraction and churn, is revenue at the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

NEW, EXPANSION, CONTRACTION, CHURN, REACTIVATION = "new", "expansion", "contraction", "churn", "reactivation"
KINDS = (NEW, EXPANSION, REACTIVATION, CONTRACTION, CHURN)
"""In the order of a waterfall: what was gained, then what was lost."""


@dataclass(frozen=True, slots=True)
class MrrMovement:
    """What moved for one organisation in a month; `known`: it had revenue at the end of an earlier month."""

    org_id: UUID
    before: int
    after: int
    known: bool

    @property
    def kind(self) -> str | None:
        """One of KINDS; None: nothing moved."""
        return classify(self.before, self.after, known=self.known)

    @property
    def amount(self) -> int:
        """Above zero where revenue rose, in minor units."""
        return self.after - self.before


@dataclass(frozen=True)
class MonthMovements:
    """The movements of a month in one currency, an organisation each, without those that had none at either end."""

    rows: tuple[MrrMovement, ...]
    sums: dict[str, int] = field(init=False)
    counts: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        sums, counts = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
        for row in self.rows:
            if (kind := row.kind) is not None:
                sums[kind] += row.amount
                counts[kind] += 1
        object.__setattr__(self, "sums", sums)
        object.__setattr__(self, "counts", counts)

    @property
    def start(self) -> int:
        """Revenue at the month's start."""
        return sum(row.before for row in self.rows)

    @property
    def end(self) -> int:
        """Revenue at its end."""
        return sum(row.after for row in self.rows)

    @property
    def payers_before(self) -> int:
        """Organisations with revenue at the start."""
        return sum(1 for row in self.rows if row.before)

    @property
    def payers_after(self) -> int:
        """Organisations with revenue at the end."""
        return sum(1 for row in self.rows if row.after)


def classify(before: int, after: int, *, known: bool) -> str | None:
    """The kind of a movement between two ends of months; None: nothing moved.

    Worked example: from nothing to 49.00 is new the first time, and reactivation afterwards.
    """
    if before == after:
        return None
    if before == 0:
        return REACTIVATION if known else NEW
    if after == 0:
        return CHURN
    return EXPANSION if after > before else CONTRACTION


def collect_movements(rows: Iterable[MrrMovement]) -> MonthMovements:
    """The movements of a month, without organisations that have no revenue at either end."""
    return MonthMovements(tuple(row for row in rows if row.before or row.after))
