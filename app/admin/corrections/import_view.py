"""What the page of an import says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.admin.corrections.import_preview import ImportPreview, UsageTaken, sum_differences
from app.admin.corrections.taken import CLOSED, PLAN_CHANGED
from app.metering.corrections.void import OLDEST
from app.statements.wording import format_amount, format_span, pluralise, unit_for
from app.web.filters import quantity

_ANEW, _NOT_BILLED, _NOTHING = "Worked out anew", "Not billed", "No change"


@dataclass(frozen=True, slots=True)
class ImportView:
    """The import's page: `rows` are meter, period, events, quantity and change of the amount.

    `notes` say what cannot be voided and what happens to invoices; `press` is the button's label, None: there is none.
    """

    lead: str
    rows: Sequence[tuple[str, str, str, str, str]]
    sums: str
    notes: Sequence[str]
    press: str | None


def build_import_view(preview: ImportPreview, zone: str) -> ImportView:
    """Build the page's words."""
    return ImportView(
        lead=_lead(preview),
        rows=[_build_row(each, zone, complete=preview.complete) for each in preview.usage],
        sums=_sum(preview),
        notes=list(_list_notes(preview)),
        press="Void this import" if preview.can_void else None,
    )


def count_events(number: int) -> str:
    """Say a number of events."""
    return f"{quantity(number)} {'event' if number == 1 else pluralise('event')}"


def events_are(number: int, verbs: tuple[str, str] = ("is", "are")) -> str:
    """Say a number of events and its verb: 1 event is, 2 events are."""
    return f"{count_events(number)} {verbs[number != 1]}"


def _lead(preview: ImportPreview) -> str:
    more = "" if preview.complete else "More than "
    total = f"{more}{count_events(preview.events)} came with this import."
    if not preview.voided:
        return total
    return f"{total} {events_are(preview.voided)} voided{' already' if preview.can_void else ''}."


def _build_row(taken: UsageTaken, zone: str, *, complete: bool) -> tuple[str, str, str, str, str]:
    span = format_span(taken.starts_at, taken.ends_at, zone) if taken.starts_at and taken.ends_at else "None"
    closed = " (closed)" if taken.closed else ""
    amount = _describe(taken, complete=complete)
    return taken.meter.name, f"{span}{closed}", quantity(taken.events), _count(taken), amount


def _count(taken: UsageTaken) -> str:
    if taken.quantity is None:
        return _ANEW
    return f"{quantity(taken.quantity)} {unit_for(taken.quantity, taken.meter.unit)}"


def _describe(taken: UsageTaken, *, complete: bool) -> str:
    if not taken.billable:
        return _NOT_BILLED
    if not complete:
        return "Not worked out"
    if taken.quantity is None:
        return _ANEW
    if not taken.difference or taken.currency is None:
        return _NOTHING
    return f"{format_amount(abs(taken.difference), taken.currency)} {'less' if taken.difference < 0 else 'more'}"


def _sum(preview: ImportPreview) -> str:
    sums = [
        f"{format_amount(abs(amount), currency)} {'less' if amount < 0 else 'more'}"
        for currency, amount in sum_differences(preview.usage).items()
        if amount
    ]
    return f"In all {' and '.join(sums)}, before tax." if sums else ""


def _list_notes(preview: ImportPreview) -> Iterator[str]:
    if not preview.complete:
        counted = count_events(preview.events)
        yield f"The table counts {counted}. flask usage void-import voids the whole import in one go."
    if preview.period_open:
        yield (
            f"{count_events(preview.period_open)} of maxima or distinct values can be voided once the usage period is"
            " closed."
        )
    if preview.too_old:
        yield f"Usage can be voided for {OLDEST.days} days after it happened; {events_are(preview.too_old)} older."
    if any(taken.closed and taken.billable for taken in preview.usage):
        yield CLOSED
    if any(taken.plan_changed for taken in preview.usage):
        yield PLAN_CHANGED
