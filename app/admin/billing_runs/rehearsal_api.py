"""Staff API for rehearsals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import msgspec

from app.admin.billing_runs.api import api
from app.admin.billing_runs.rehearsal_view import parse_filter
from app.admin.billing_runs.schemas import CurrencyTotal
from app.billing_runs.rehearsal import queries
from app.kit.fields import Instant
from app.web.database import session
from app.web.paging import Limit
from app.web.runtime import business_now

__all__ = ["api"]  # `corrections.import_api` imports the blueprint from here, once this call is registered


class RehearsalsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`show`: `tomorrow` for periods that end within a day, `alarms` for what failed or differs from the estimate."""

    show: Literal["all", "tomorrow", "alarms"] = "all"
    limit: Limit = 100


class RehearsalOut(msgspec.Struct):
    """What a running period would come to if it closed now. `late` is what usage of closed periods adds.

    `amount_before` is the night before's for the same period, both together; null if there is none. `alarm`: it failed,
    as `error` says, or `amount` is not the running `estimate`.
    """

    org_id: str
    org: str
    period_start: Instant
    period_end: Instant
    rehearsed_at: Instant
    currency: str | None
    amount: int
    late: int
    amount_before: int | None
    estimate: int
    alarm: bool
    error: str | None


class RehearsalsAnswer(msgspec.Struct):
    """The first of `orgs` rehearsals, by when the periods end; totals and counts are of all of them."""

    rehearsals: list[RehearsalOut]
    totals: list[CurrencyTotal]
    orgs: int
    alarms: int


REHEARSALS: dict[str, Any] = {
    "rehearsals": [
        {
            "org_id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21",
            "org": "High Tide Documents",
            "period_start": "2026-12-01T00:00:00Z",
            "period_end": "2027-01-01T00:00:00Z",
            "rehearsed_at": "2026-12-31T02:00:04Z",
            "currency": "USD",
            "amount": 2000,
            "late": 0,
            "amount_before": 1900,
            "estimate": 2000,
            "alarm": False,
            "error": None,
        }
    ],
    "totals": [{"currency": "USD", "amount": 2000, "periods": 1}],
    "orgs": 1,
    "alarms": 0,
}


@api.operation(
    "GET", "/admin/rehearsals", query=RehearsalsQuery, response=RehearsalsAnswer, answer=REHEARSALS,
    summary="What running periods would be billed if they closed now",
    description="The close of every running period is carried out each night and rolled back. The same figures as the"
    " staff page.",
)  # fmt: skip
def list_rehearsals(query: RehearsalsQuery) -> RehearsalsAnswer:
    """The last rehearsal of each organisation."""
    now = business_now()
    shown = parse_filter(query.show, now, now + timedelta(days=1))
    counts = queries.count_rehearsals(session(), shown)
    rows = queries.list_rehearsals(session(), shown, query.limit)
    return RehearsalsAnswer(
        rehearsals=[
            RehearsalOut(
                str(row.org_id), row.name, row.period_start, row.period_end, row.rehearsed_at, row.currency, row.amount,
                row.late, row.amount_before, row.estimate, row.alarm, row.error,
            )
            for row in rows
        ],
        totals=[
            CurrencyTotal(each.currency, each.amount, each.orgs) for each in queries.sum_rehearsals(session(), shown)
        ],
        orgs=counts.orgs,
        alarms=counts.alarms,
    )  # fmt: skip
