"""What an org was on, had agreed, used and had closed. Imports nothing of the product."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from tests.billing_runs.simulation.org_story import Member, Use
from tests.billing_runs.simulation.prices import Charge
from tests.billing_runs.simulation.spans import Span, months, tile


@dataclass(frozen=True)
class Stay:
    """An org is on a plan of a catalogue from an instant on."""

    since: datetime
    key: str
    catalogue: dict[str, Any]
    currency: str
    collected: bool

    @property
    def plan(self) -> dict[str, Any]:
        return dict(self.catalogue["plans"][self.key])


@dataclass
class Agreed:
    """An override; `plan` None outlives its plan. `put_off`: it begins with the period after `given`."""

    kind: str
    meter: str
    value: str
    currency: str
    given: datetime
    plan: str | None
    end: datetime | None
    open: bool = True
    put_off: bool = False

    def holds(self, span: Span, plan: str) -> bool:
        """Whole periods: from the one in which it begins to the one in which it ends."""
        begun = span[0] > self.given if self.put_off else self.given < span[1]
        return begun and (self.end is None or self.end > span[0]) and self.plan in {None, plan}

    def close(self, at: datetime) -> None:
        self.open, self.end = False, at if self.end is None else min(self.end, at)


@dataclass
class Biography:
    """One org's stays, overrides, events and closes."""

    member: Member
    stays: list[Stay]
    cuts: list[datetime] = field(default_factory=list)
    agreed: list[Agreed] = field(default_factory=list)
    used: list[tuple[datetime, Use]] = field(default_factory=list)
    closes: list[datetime] = field(default_factory=list)

    def spans(self, until: datetime) -> list[Span]:
        """Its periods."""
        return tile(months(self.member.opened_at, until, self.member.zone), self.cuts)

    def stay_at(self, end: datetime) -> Stay:
        """Where it was right before an instant."""
        return [stay for stay in self.stays if stay.since < end][-1]

    def terms(self, span: Span, meter: str) -> tuple[Charge | None, Fraction | None]:
        """The charge of a meter in a period, and the allowance."""
        stay, rule = self.stay_at(span[1]), self.stay_at(span[1]).plan["meters"].get(meter, {"policy": "warn"})
        allowance = _number(rule.get("allowance", "unlimited"))
        charges = [
            each for each in stay.plan.get("charges", [])
            if each["meter"] == meter and each["currency"] == stay.currency
        ]  # fmt: skip
        charge: Charge | None = charges[0] if charges else None
        for given in self.agreed:
            if given.meter == meter and given.holds(span, stay.key):
                if given.kind == "allowance":
                    allowance = Fraction(given.value)
                elif given.kind == "overage_price" and given.currency == stay.currency:
                    charge = {"model": "per_unit", "unit_amount": given.value}
        bills = rule.get("policy", "block") == "charge" and self.is_collected(span)
        if charge and charge.get("collect") == "immediate":  # nothing collects that yet
            bills = False
        return (charge if bills else None), allowance

    def is_collected(self, span: Span) -> bool:
        """Whether anybody collected at some instant of the period."""
        ends = [*(stay.since for stay in self.stays[1:]), None]
        return any(
            stay.collected and stay.since < span[1] and (end is None or end > span[0])
            for stay, end in zip(self.stays, ends, strict=True)
        )


def _number(value: int | str) -> Fraction | None:
    return None if value == "unlimited" else Fraction(value)
