"""Companies of the demo that pay by invoice, with a past: what they were on, and whether they paid. Pure data.

Written for the catalogue `catalogs/scan_api.toml`. Days are counted back from the demo's first run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

SINCE_DAYS = 330
"""How old they are."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """So many days ago it went on a plan; `free` ends what it paid for."""

    days_ago: int
    plan: str
    interval: str = "month"


@dataclass(frozen=True, slots=True)
class Company:
    """An organisation without people. `pays`: its invoices are paid within ten days, otherwise they stay open."""

    name: str
    currency: str
    steps: tuple[PlanStep, ...]
    pays: bool = True


COMPANIES = (
    Company("Harbour Freight Papers", "USD", (PlanStep(318, "pro", "year"), PlanStep(150, "pro"))),
    Company("Lindqvist Bookkeeping", "USD", (PlanStep(280, "pro"),)),
    Company("Meadow Clinics", "USD", (PlanStep(255, "pro", "year"),)),
    Company("Parcel & Post", "USD", (PlanStep(240, "pro"), PlanStep(85, "pro", "year"))),
    Company("Quarry Insurance", "USD", (PlanStep(205, "pro"), PlanStep(110, "free"))),
    Company("Rialto Travel", "USD", (PlanStep(190, "pro"), PlanStep(120, "free"), PlanStep(40, "pro"))),
    Company("Sorrel Legal", "USD", (PlanStep(75, "pro"),), pays=False),
    Company("Tessin Notare", "EUR", (PlanStep(230, "pro"),)),
    Company("Ulmer Archiv", "EUR", (PlanStep(130, "pro"), PlanStep(20, "pro", "year"))),
)


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened to a company: it went on a plan, or a day passed on which invoices are issued and paid."""

    at: datetime
    company: Company
    step: PlanStep | None


def happenings(base: datetime) -> Iterator[Happening]:
    """All that happened up to `base`, in order of time."""
    found = [
        Happening(base - timedelta(days=step.days_ago), company, step)
        for company in COMPANIES
        for step in company.steps
    ]
    for days_ago in range(SINCE_DAYS, 0, -5):
        found += [Happening(base - timedelta(days=days_ago, hours=-6), company, None) for company in COMPANIES]
    yield from sorted(found, key=lambda each: (each.at, each.company.name, each.step is None))
