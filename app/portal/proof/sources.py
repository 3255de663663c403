"""What the portal itself says of a period: its page, its API and its file, built by the code that builds them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from app.billing_runs.proof.figures import EVENTS, LINES, MeterProof, PeriodProof, SourceFigure
from app.kit.money import ZERO, exponent, to_minor
from app.portal.dashboard.bars import build_bars
from app.portal.invoices import export
from app.portal.invoices.answers import build_line_out
from app.portal.invoices.lines import ClosedPeriod, list_closed_periods
from app.portal.invoices.view import build_view
from app.portal.usage.schemas import build_current_answer
from app.statements.current_usage import get_current_usage
from app.statements.wording import format_amount
from app.web.csv_export import cell
from app.web.filters import quantity

PAGE, API, CSV, DASHBOARD = "page", "api", "csv", "dashboard"

_INSTANT = timedelta(microseconds=1)
_Said = Mapping[str | None, Sequence[SourceFigure]]


def add_sources(session: Session, proof: PeriodProof, now: datetime) -> PeriodProof:
    """Add to a proof what the portal says; a closed period's as charged, the running one's as counted."""
    if proof.closed_at is not None:
        said, against = _read_closed(session, proof, now), LINES
    elif proof.period.start <= now < proof.period.end:
        said, against = _read_current(session, proof, now), EVENTS
    else:
        return proof  # ended, and not closed yet: no page shows it
    meters = [
        replace(
            meter, figures=[*meter.figures, *(_judge(figure, meter, against) for figure in said.get(meter.key, ()))]
        )
        for meter in proof.meters
    ]
    return replace(proof, meters=meters)


def _judge(figure: SourceFigure, meter: MeterProof, against: str) -> SourceFigure:
    base = next(each for each in meter.figures if each.source == against)
    if figure.quantity is not None and base.quantity is not None and figure.quantity != base.quantity:
        return replace(figure, differs=f"{quantity(figure.quantity)} where it should be {quantity(base.quantity)}")
    if figure.amount is not None and base.amount is not None and figure.amount != base.amount:
        shown, right = (format_amount(amount, meter.currency) for amount in (figure.amount, base.amount))
        return replace(figure, differs=f"{shown} where it should be {right}")
    return figure


def _read_current(session: Session, proof: PeriodProof, now: datetime) -> _Said:
    usage = get_current_usage(session, proof.org_id, now)
    bars = {bar.key: SourceFigure(DASHBOARD, bar.used) for bar in build_bars(usage)}
    return {
        meter.meter: [bars[meter.meter], SourceFigure(API, meter.used, amount=meter.cost)]
        for meter in build_current_answer(usage).meters
    }


def _read_closed(session: Session, proof: PeriodProof, now: datetime) -> _Said:
    periods = list_closed_periods(session, proof.org_id, proof.period.start + _INSTANT, 1)
    sums: dict[str | None, dict[str, SourceFigure]] = defaultdict(dict)
    for period in periods:
        for key, figure in (*_read_page(period, proof.time_zone, now), *_read_api(period), *_read_csv(period, now)):
            before = sums[key].get(figure.source, SourceFigure(figure.source, ZERO, 0, 0))
            sums[key][figure.source] = SourceFigure(
                figure.source,
                None if figure.quantity is None else (before.quantity or ZERO) + figure.quantity,
                None if figure.events is None else (before.events or 0) + figure.events,
                (before.amount or 0) + (figure.amount or 0),
            )
    return {key: list(by_source.values()) for key, by_source in sums.items()}


def _read_page(period: ClosedPeriod, zone: str, now: datetime) -> Iterator[tuple[str | None, SourceFigure]]:
    shown = build_view([period], zone, now, more=False, first=True).periods[0].lines
    for line, view in zip(period.lines, shown, strict=True):
        amount = read_amount(view.amount, line.row.currency) + line.row.discount  # the page says what discounts leave
        yield line.meter.key if line.meter else None, SourceFigure(PAGE, amount=amount)


def _read_api(period: ClosedPeriod) -> Iterator[tuple[str | None, SourceFigure]]:
    for line in period.lines:
        answer = build_line_out(line)
        yield answer.meter, SourceFigure(API, answer.quantity if answer.meter else None, answer.events, answer.amount)


def _read_csv(period: ClosedPeriod, now: datetime) -> Iterator[tuple[str | None, SourceFigure]]:
    for row in export.iterate_period_rows([period], now):
        cells = dict(zip(export.HEAD, map(cell, row), strict=True))
        key = cells["meter"] or None
        used = Decimal(cells["quantity"]) if key else None
        amount = int(to_minor(Decimal(cells["amount"]), exponent(cells["currency"])))
        yield key, SourceFigure(CSV, used, int(cells["events"]), amount)


def read_amount(words: str, currency: str) -> int:
    """Read an amount as pages write it: "$1,234.50" is 123450."""
    digits = re.sub(r"[^\d.]", "", words)
    minor = int(to_minor(Decimal(digits), exponent(currency)))
    return -minor if re.search("[-\N{MINUS SIGN}]", words) else minor
