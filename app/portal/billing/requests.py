"""Parses the billing page's query string: state, dates and cursor. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from app.kit.periods import midnight
from app.payments.queries import RecordFilter
from app.portal.billing.words import STATES
from app.web.addresses import path_to
from app.web.paging import parse_time_id_cursor


@dataclass(frozen=True)
class RecordsQuery:
    """Parsed filters. `until` is inclusive; days are in the organisation's time zone."""

    zone: str
    state: str | None
    since: date | None
    until: date | None
    cursor: tuple[datetime, UUID] | None

    @property
    def record_filter(self) -> RecordFilter:
        """The filters as half-open instants, for the query."""
        end = self.until + timedelta(days=1) if self.until else None
        return RecordFilter(
            self.state,
            midnight(self.since, self.zone) if self.since else None,
            midnight(end, self.zone) if end else None,
        )

    @property
    def narrow(self) -> bool:
        """Whether any filter is set."""
        return bool(self.state or self.since or self.until)

    def address(self, **changed: str) -> str:
        """URL of the page with these filters; the first page unless `next` is given."""
        return f"{path_to('billing.index', **self._query(**changed))}#history"

    def csv(self) -> str:
        """URL of the CSV file with these filters."""
        return path_to("billing.history_csv", **self._query())

    def _query(self, **changed: str) -> dict[str, str]:
        query = {"state": self.state, "from": self.since, "to": self.until, **changed}
        return {name: str(value) for name, value in query.items() if value}


def parse_records_query(args: Mapping[str, str], zone: str) -> RecordsQuery:
    """Parse the query string; an invalid state or date is ignored."""
    state = args.get("state", "")
    return RecordsQuery(
        zone=zone,
        state=state if state in STATES else None,
        since=_day(args.get("from", "")),
        until=_day(args.get("to", "")),
        cursor=parse_time_id_cursor(args.get("next") or None),
    )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if date(2000, 1, 1) <= day <= date(2200, 1, 1) else None
