"""Which billing records the address of the billing page asks for: a state, days, a place in the list. Pure."""

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
    """What the address asks for; `until` is the last day, included. Days are the org's."""

    zone: str
    state: str | None
    since: date | None
    until: date | None
    cursor: tuple[datetime, UUID] | None

    @property
    def wanted(self) -> RecordFilter:
        """The same for the query: half-open instants."""
        end = self.until + timedelta(days=1) if self.until else None
        return RecordFilter(
            self.state,
            midnight(self.since, self.zone) if self.since else None,
            midnight(end, self.zone) if end else None,
        )

    @property
    def narrow(self) -> bool:
        """Whether anything is filtered out."""
        return bool(self.state or self.since or self.until)

    def address(self, **changed: str) -> str:
        """The page with these filters, the first page unless `next` is given."""
        return f"{path_to('billing.index', **self._query(**changed))}#history"

    def csv(self) -> str:
        """The file with these filters."""
        return path_to("billing.history_csv", **self._query())

    def _query(self, **changed: str) -> dict[str, str]:
        query = {"state": self.state, "from": self.since, "to": self.until, **changed}
        return {name: str(value) for name, value in query.items() if value}


def parse_records_query(args: Mapping[str, str], zone: str) -> RecordsQuery:
    """Understand the address; a state or a day that means nothing filters nothing."""
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
