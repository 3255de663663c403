"""Calendar months in UTC, and the instants at which recurring revenue is looked at. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_LAST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class MonthRange:
    """Months from `first` to `last`, both included and given by their first days."""

    first: date
    last: date

    @property
    def months(self) -> list[date]:
        """First days, ascending."""
        return [add_months(self.first, number) for number in range(len(self))]

    @property
    def start(self) -> datetime:
        """The instant at which the first begins."""
        return start_of(self.first)

    @property
    def end(self) -> datetime:
        """The instant at which the last is over."""
        return start_of(add_months(self.last, 1))

    @property
    def before(self) -> MonthRange:
        """As many months, just before."""
        return MonthRange(add_months(self.first, -len(self)), add_months(self.first, -1))

    def __len__(self) -> int:
        return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1


def add_months(month: date, count: int) -> date:
    """The first day of the month so many later."""
    years, index = divmod(month.month - 1 + count, 12)
    return date(month.year + years, index + 1, 1)


def start_of(month: date) -> datetime:
    """The instant at which a month begins."""
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def month_at(at: datetime) -> date:
    """The first day of the month that contains an instant."""
    return at.astimezone(UTC).date().replace(day=1)


def last_instant(month: date, now: datetime) -> datetime:
    """The last instant of a month; of the running one, now.

    Worked example: of November 2026, 30 November 23:59:59.999999.
    """
    return min(start_of(add_months(month, 1)) - _LAST, now)
