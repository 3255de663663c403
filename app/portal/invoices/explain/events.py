"""The events behind a line: how many count and how many do not, with the reason, and the file of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from app.catalog.models import ADDITIVE
from app.invoices import queries as invoices
from app.invoices.models import USAGE
from app.kit.money import ZERO
from app.metering.events.line_events import (
    COUNTED,
    EARLIER,
    IMPORTED,
    LATER,
    UNBILLABLE,
    VOIDED,
    LineSpan,
    StandingFigures,
    iterate_line_events,
    sum_line_events,
)
from app.portal.invoices.lines import UsageLine
from app.statements.wording import unit_for
from app.web.csv_export import Cell
from app.web.filters import quantity

MOST_EVENTS = 100_000
"""Events of a line that a page adds up; of more only the file tells."""
HEAD = ("id", "happened_at", "recorded_at", "source", "quantity", "value", "counted", "reason")
_NAMES = {
    COUNTED: "Counted",
    VOIDED: "Voided: the event and its void cancel out",
    IMPORTED: "Imported without being billed",
    UNBILLABLE: "Not billed",
    EARLIER: "Counted on an earlier line of this period",
    LATER: "Recorded or voided later: on a later line",
}
REASONS = {VOIDED: "voided", IMPORTED: "imported", UNBILLABLE: "not billed", EARLIER: "on an earlier line",
           LATER: "recorded later"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LineEventsRow:
    """Events that stand alike: what that means, how many, and what they come to."""

    label: str
    events: str
    figure: str


@dataclass(frozen=True, slots=True)
class EventsView:
    """The events of a line. `meets`: they come to its quantity; None where that is no sum. `rows` is empty for many."""

    rows: Sequence[LineEventsRow]
    total: Sequence[str]
    meets: bool | None


def find_span(session: Session, line: UsageLine) -> LineSpan | None:
    """Find which events a line could count; None for one that is of no meter."""
    row = line.row
    if row.meter_id is None:
        return None
    before = invoices.find_line_before(session, row)
    seen_before = (before.seen, before.written_at) if before else (None, None)
    return LineSpan(
        row.org_id, row.meter_id, row.period_start, row.period_end, row.seen, row.written_at, *seen_before
    )  # fmt: skip


def load_events(session: Session, line: UsageLine, span: LineSpan) -> EventsView:
    """Add up the events of a line, unless it has very many."""
    if line.meter is None or line.row.events > MOST_EVENTS:
        return EventsView((), (), None)
    return build_events_view(line, sum_line_events(session, span, line.meter.aggregation))


def build_events_view(line: UsageLine, figures: Sequence[StandingFigures]) -> EventsView:
    """Build the table of events. Pure."""
    by_standing = {figure.standing: figure for figure in figures}
    summed = line.meter is not None and line.meter.aggregation in ADDITIVE
    counted = by_standing[COUNTED].figure if COUNTED in by_standing else ZERO
    comparable = summed or line.row.kind == USAGE
    return EventsView(
        rows=[_build_row(line, by_standing[name]) for name in _NAMES if name in by_standing],
        total=("On this line", "", _count(line, line.row.quantity)),
        meets=counted == line.row.quantity if comparable else None,
    )


def iterate_event_rows(session: Session, span: LineSpan) -> Iterator[tuple[Cell, ...]]:
    """Yield the file's rows: each event of the period, whether the line counts it, and why not."""
    for event in iterate_line_events(session, span):
        reason = REASONS.get(event.standing)
        yield (
            event.event_id, event.occurred_at, event.recorded_at, event.source, event.quantity, event.item,
            "no" if reason else "yes", reason,
        )  # fmt: skip


def _build_row(line: UsageLine, figure: StandingFigures) -> LineEventsRow:
    return LineEventsRow(_NAMES[figure.standing], quantity(figure.events), _count(line, figure.figure))


def _count(line: UsageLine, figure: Decimal) -> str:
    return f"{quantity(figure)} {unit_for(figure, line.unit)}"
