"""Recurring revenue in one currency, month by month: what each organisation had, and how it moved. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.analytics.months import MonthRange, add_months, last_instant, month_at
from app.analytics.movements import MonthMovements, MrrMovement, collect_movements
from app.analytics.ratios import RevenueRatios, compute_ratios
from app.analytics.timeline import Timeline


@dataclass(frozen=True)
class RevenueBook:
    """One currency over `span`. `mrr` has of each organisation the revenue at the span's start and at each month's end.

    `committed`, `past_due` (the part of organisations that are past due) and `by_plan` (key, name, revenue, payers) are
    of the span's last instant. `trials` are how many trials ended in each month, and how many of them are paid for.
    """

    currency: str
    span: MonthRange
    months: tuple[MonthMovements, ...]
    mrr: dict[UUID, tuple[int, ...]]
    committed: int
    past_due: int
    by_plan: tuple[tuple[str, str, int, int], ...]
    trials: tuple[tuple[int, int], ...]

    @property
    def current(self) -> int:
        """Recurring revenue at the span's end."""
        return self.months[-1].end

    def over(self, span: MonthRange) -> list[MonthMovements]:
        """The months of a part of the span."""
        return [month for first, month in zip(self.span.months, self.months, strict=True) if first in span.months]

    def ratios(self, span: MonthRange) -> RevenueRatios:
        """The ratios of a part of the span."""
        index = self.span.months.index(span.first)
        whole = [MrrMovement(org, mrr[index], mrr[index + len(span)], known=True) for org, mrr in self.mrr.items()]
        return compute_ratios(self.over(span), whole)

    def trial_counts(self, span: MonthRange) -> tuple[int, int]:
        """How many trials ended in a part of the span, and how many of those are paid for."""
        of = [counts for first, counts in zip(self.span.months, self.trials, strict=True) if first in span.months]
        return sum(ended for ended, _ in of), sum(paid for _, paid in of)


def build_book(
    timelines: Sequence[Timeline], currency: str, span: MonthRange, now: datetime, plan: str | None = None
) -> RevenueBook:
    """The book of a currency; of one plan alone, what moves to or from another plan is new there, or churn.

    Worked example: one organisation on Pro since October for 49.00 a month: new in October, nothing moved in November.
    """
    instants = [last_instant(month, now) for month in (add_months(span.first, -1), *span.months)]
    mrr = {each.org_id: tuple(each.mrr(at, currency, plan) for at in instants) for each in timelines}
    mrr = {org: amounts for org, amounts in mrr.items() if any(amounts)}
    paying = [each for each in timelines if each.org_id in mrr]
    since = {each.org_id: _find_first(each, span, currency, plan, mrr[each.org_id]) for each in paying}
    return RevenueBook(
        currency=currency,
        span=span,
        months=tuple(collect_movements(_move(mrr, since, index)) for index in range(len(span))),
        mrr=mrr,
        committed=sum(each.committed(instants[-1], currency, plan) for each in timelines),
        past_due=sum(each.mrr(instants[-1], currency, plan) for each in paying if each.is_past_due(instants[-1])),
        by_plan=_sum_plans(paying, instants[-1], currency, plan),
        trials=_count_trials(timelines, currency, span, plan),
    )


def _find_first(timeline: Timeline, span: MonthRange, currency: str, plan: str | None, mrr: tuple[int, ...]) -> int:
    """The first of `mrr` that is above zero; -1 where there was revenue at the end of a month before the span."""
    first = next(index for index, amount in enumerate(mrr) if amount)
    if first == 0:
        return 0
    ends = timeline.list_month_ends(add_months(span.first, -2), span.start)
    return -1 if any(timeline.mrr(at, currency, plan) for _, at in ends) else first


def _move(mrr: dict[UUID, tuple[int, ...]], since: dict[UUID, int], index: int) -> Iterator[MrrMovement]:
    for org, amounts in mrr.items():
        yield MrrMovement(org, amounts[index], amounts[index + 1], known=since[org] <= index)


def _sum_plans(
    paying: Sequence[Timeline], at: datetime, currency: str, plan: str | None
) -> tuple[tuple[str, str, int, int], ...]:
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for timeline in paying:
        stretch, amount = timeline.find(at), timeline.mrr(at, currency, plan)
        if stretch is not None and amount:
            sums[stretch.plan_key, stretch.plan_name].append(amount)
    rows = [(key, name, sum(amounts), len(amounts)) for (key, name), amounts in sums.items()]
    return tuple(sorted(rows, key=lambda row: (-row[2], row[0])))


def _count_trials(
    timelines: Sequence[Timeline], currency: str, span: MonthRange, plan: str | None
) -> tuple[tuple[int, int], ...]:
    counts: dict[date, list[bool]] = {month: [] for month in span.months}
    for timeline in timelines:
        for at, tried, paid in timeline.list_trial_ends(span.start, span.end):
            if tried.charge.currency == currency and plan in {None, tried.plan_key}:
                counts[month_at(at)].append(paid)
    return tuple((len(each), sum(each)) for each in counts.values())
