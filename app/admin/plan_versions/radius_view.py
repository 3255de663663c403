"""What a blast radius shows: sums, recurring revenue, and the organisations with the largest difference. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.statements.blast.effects import BlastRadius, CostChange, OrgEffect
from app.statements.wording import format_amount
from app.web.filters import quantity

SHOWN = 25


@dataclass(frozen=True, slots=True)
class SumRow:
    """What something comes to now, under the version, and the difference, in words."""

    label: str
    before: str
    after: str
    change: str


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One organisation: its running period and its last closed one, now and under the version."""

    org_id: UUID
    name: str
    version: str
    running: str
    closed: str
    note: str | None


@dataclass(frozen=True)
class RadiusView:
    """The card of a blast radius. `stats` are label, figure and note."""

    stats: Sequence[tuple[str, str, str | None]]
    sums: Sequence[SumRow]
    rows: Sequence[EffectRow]
    notes: Sequence[str]


def build_radius_view(radius: BlastRadius, number: int, holders: str = "on the plan") -> RadiusView:
    """Build the card of a version's blast radius; `holders` says which organisations it is about."""
    return RadiusView(
        stats=[
            (f"Organisations {holders}", quantity(radius.orgs), None),
            ("Pay more", quantity(radius.dearer), "for the running period"),
            ("Pay less", quantity(radius.cheaper), "for the running period"),
            ("Beyond a limit", quantity(radius.exceeding), "with what they have used by now"),
        ],
        sums=list(_list_sums(radius)),
        rows=[build_effect_row(each) for each in radius.effects[:SHOWN]],
        notes=list(_list_notes(radius, number)),
    )


def format_change(change: CostChange, currency: str) -> str:
    """Format a difference with its sign: "+$12.00", or "no change"."""
    if not change.difference:
        return "no change"
    sign = "+" if change.difference > 0 else "−"
    return f"{sign}{format_amount(abs(change.difference), currency)}"


def _list_sums(radius: BlastRadius) -> Iterator[SumRow]:
    for revenue in radius.revenue:
        yield _sum(f"Monthly recurring revenue in {revenue.currency}", revenue.monthly, revenue.currency)
    for sums in radius.sums:
        yield _sum(f"Running periods in {sums.currency}", sums.running, sums.currency)
        yield _sum(f"Last closed periods in {sums.currency}", sums.closed, sums.currency)


def _sum(label: str, change: CostChange, currency: str) -> SumRow:
    return SumRow(
        label, format_amount(change.before, currency), format_amount(change.after, currency),
        format_change(change, currency),
    )  # fmt: skip


def build_effect_row(effect: OrgEffect) -> EffectRow:
    """Build the row of one organisation."""
    return EffectRow(
        org_id=effect.org_id,
        name=effect.name,
        version=f"Version {effect.number}",
        running=_describe(effect.running, effect) if effect.sold else "–",
        closed=_describe(effect.closed, effect) if effect.sold and effect.closed else "–",
        note=_note(effect),
    )


def _describe(change: CostChange, effect: OrgEffect) -> str:
    before, after = (format_amount(each, effect.currency) for each in (change.before, change.after))
    return f"{before}, {format_change(change, effect.currency)}" if before == after else f"{before} → {after}"


def _note(effect: OrgEffect) -> str | None:
    if not effect.sold:
        return f"No price by the {effect.interval} in {effect.currency}"
    return f"Beyond the limit: {', '.join(effect.exceeded)}" if effect.exceeded else None


def _list_notes(radius: BlastRadius, number: int) -> Iterator[str]:
    if not radius.complete:
        yield (
            f"Usage was rated for {quantity(len(radius.effects))} of {quantity(radius.orgs)} organisations: the sums of"
            " periods, and those counted as paying more, less or beyond a limit, are theirs. Recurring revenue is that"
            " of all."
        )
    if len(radius.effects) > SHOWN:
        yield f"The {SHOWN} with the largest difference are listed."
    if radius.unsold:
        yield f"{quantity(radius.unsold)} pay by an interval or currency that version {number} has no price for."
    yield (
        "A period is the monthly fee and usage before tax; what a limit would have refused is not billed. Recurring"
        " revenue is at list prices, before discounts."
    )
