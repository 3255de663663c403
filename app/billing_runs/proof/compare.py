"""Compares a meter's figures with what its events come to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from app.billing_runs.proof.evidence import Evidence
from app.billing_runs.proof.figures import COUNTER, DAILY_TOTALS, EVENTS, LINES, MeterProof, Omission, SourceFigure
from app.invoices.breakdown import read_number
from app.invoices.models import USAGE
from app.kit.money import ZERO, plain
from app.kit.periods import Period, share_of_month
from app.metering.verification.period_figures import CountedUsage
from app.rating.schemas import parse_charge
from app.statements.figures import MeterUse, UsageTerms, rate_usage
from app.statements.period import rate_row
from app.statements.wording import format_amount


def compare_meter(evidence: Evidence, meter_id: int) -> MeterProof:
    """Compare a meter's counter, roll-ups and lines with its events."""
    meter = evidence.meters[meter_id]
    now = evidence.counted.get(meter_id, CountedUsage())
    figures = [SourceFigure(EVENTS, now.billable, now.events, rate_again(evidence, meter_id, now.billable))]
    figures.append(_compare_counter(evidence, meter_id, now))
    figures += _compare_days(evidence, meter_id)
    if evidence.closed:
        figures += _compare_lines(evidence, meter_id, now)
    left_out = [Omission(each.reason, each.events, each.quantity) for each in evidence.left_out.get(meter_id, ())]
    return MeterProof(meter.key, meter.name, meter.unit, find_currency(evidence), figures, left_out)


def find_currency(evidence: Evidence) -> str:
    """The currency of the period."""
    return str(evidence.rows[0].currency) if evidence.rows else "USD"


def rate_again(evidence: Evidence, meter_id: int, quantity: Decimal) -> int:
    """Rate a quantity: by the terms that a line stored or, where there is none, by those in force."""
    lines = evidence.lines.get(meter_id, ())
    if not lines:
        row = evidence.row_of.get(meter_id)
        rated = rate_row(row, quantity) if row is not None else None
        return rated.rounded if rated else 0
    line, charge = lines[0], evidence.charges.get(lines[0].id)
    if charge is None:
        return 0
    usage_terms = UsageTerms(
        allowance=read_number(line.terms["allowance"]),
        charge=parse_charge(charge.model, charge.properties, line.currency),
        minimum_portion=share_of_month(Period(line.period_start, line.period_end), evidence.time_zone),
    )
    rated = rate_usage(usage_terms, MeterUse(quantity))
    return rated.rounded if rated else 0


def _compare_counter(evidence: Evidence, meter_id: int, now: CountedUsage) -> SourceFigure:
    row = evidence.row_of.get(meter_id)
    counter = CountedUsage(row.used, row.imported, row.events) if row is not None else CountedUsage()
    if meter_id in evidence.unsettled:
        return SourceFigure(COUNTER, counter.billable, counter.events, note="being counted again after a change")
    return SourceFigure(COUNTER, counter.billable, counter.events, differs=_say_difference(counter, now))


def _compare_days(evidence: Evidence, meter_id: int) -> Iterator[SourceFigure]:
    days = evidence.days.get(meter_id)
    if days is None:
        return
    number = f"{days.days} {'day' if days.days == 1 else 'days'}"
    if days.differing:
        first = f"{days.first:%Y-%m-%d}"
        yield SourceFigure(DAILY_TOTALS, differs=f"{days.differing} of {number} differ from the events, first {first}")
    else:
        yield SourceFigure(DAILY_TOTALS, note=f"{number}, each what its events come to")


def _compare_lines(evidence: Evidence, meter_id: int, now: CountedUsage) -> Iterator[SourceFigure]:
    lines = evidence.lines.get(meter_id, ())
    total = CountedUsage(
        sum((line.quantity for line in lines), ZERO),
        sum((line.imported for line in lines), ZERO),
        sum(line.events for line in lines),
    )
    amount = sum(line.amount for line in lines)
    differs, note = _judge_lines(evidence, meter_id, total, amount), ""
    if not differs and total != now:
        row = evidence.row_of.get(meter_id)
        if row is not None and (row.used, row.imported, row.events) == (now.billable, now.imported, now.events):
            note = "what was recorded or voided since is billed with the next close"
        else:
            differs = _say_difference(total, now)
    yield SourceFigure(LINES, total.billable, total.events, amount, differs, note)


def _judge_lines(evidence: Evidence, meter_id: int, total: CountedUsage, amount: int) -> str:
    """How lines differ from what they were made of: the events below the mark, and the rating of their quantity."""
    lines = evidence.lines.get(meter_id, ())
    again = rate_again(evidence, meter_id, total.billable)
    if lines and again != amount:
        currency = lines[0].currency
        return f"{format_amount(amount, currency)} where their quantity comes to {format_amount(again, currency)}"
    if evidence.at_close is None:
        return ""
    billed = next((line for line in lines if line.kind == USAGE), None)
    stored = CountedUsage(billed.quantity, billed.imported, billed.events) if billed else CountedUsage()
    then = evidence.at_close.get(meter_id, CountedUsage())
    difference = _say_difference(stored, then)
    return f"of the events up to the close, {difference}" if difference else ""


def _say_difference(kept: CountedUsage, counted: CountedUsage) -> str:
    """Say where a kept figure is not the counted one: "12 where the events come to 16"."""
    for name, one, other in (
        ("", kept.billable, counted.billable),
        (" imported", kept.imported, counted.imported),
        (" events", Decimal(kept.events), Decimal(counted.events)),
    ):
        if one != other:
            return f"{plain(one)}{name} where the events come to {plain(other)}"
    return ""
