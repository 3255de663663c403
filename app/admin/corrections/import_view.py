"""What the page of an import says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.admin.corrections.import_preview import COUNTED_ANEW, ImportPreview, UsageTaken, sum_differences
from app.metering.corrections.void import OLDEST
from app.statements.wording import format_amount, format_span, pluralise, unit_for
from app.web.filters import quantity

_ANEW, _NOT_BILLED, _NOTHING = "Worked out anew", "Not billed", "No change"
_CLOSED = (
    "What a closed period was billed too much is taken off the next invoice, when the current usage period is closed;"
    " what that cannot cover is credited on the original invoice."
)


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
        press="Void this import" if preview.left else None,
    )


def count_events(number: int) -> str:
    """Say a number of events."""
    return f"{quantity(number)} {'event' if number == 1 else pluralise('event')}"


def _lead(preview: ImportPreview) -> str:
    more = "" if preview.complete else "More than "
    total = f"{more}{count_events(preview.events - (not preview.complete))} came with this import."
    if preview.voided and not preview.left:
        return f"{total} {count_events(preview.voided)} are voided."
    return f"{total} {count_events(preview.voided)} are voided already." if preview.voided else total


def _build_row(taken: UsageTaken, zone: str, *, complete: bool) -> tuple[str, str, str, str, str]:
    span = format_span(taken.starts_at, taken.ends_at, zone) if taken.starts_at and taken.ends_at else "None"
    closed = " (closed)" if taken.closed else ""
    amount = f"{quantity(taken.quantity)} {unit_for(taken.quantity, taken.meter.unit)}"
    return taken.meter.name, f"{span}{closed}", quantity(taken.events), amount, _describe(taken, complete=complete)


def _describe(taken: UsageTaken, *, complete: bool) -> str:
    if not taken.billable:
        return _NOT_BILLED
    if not complete:
        return "Not worked out"
    if taken.meter.aggregation in COUNTED_ANEW:
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
        yield "Larger imports are not counted to the end here. Use flask usage void-import to void them in one go."
    if preview.period_open:
        yield (
            f"{count_events(preview.period_open)} of maxima or distinct values can be voided once the usage period is"
            " closed."
        )
    if preview.too_old:
        older = count_events(preview.too_old)
        yield f"Usage can be voided for {OLDEST.days} days after it happened; {older} are older."
    if any(taken.closed and taken.billable for taken in preview.usage):
        yield _CLOSED
