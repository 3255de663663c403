"""Use of events that name several values: what a plain count of them says, in any zone, cut where a period is."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.metering.events.filtered import FILTERS, read_filtered
from app.metering.rollups.columns import list_columns
from tests.metering.books import Books
from tests.metering.world import event

FIRST, LAST = date(2026, 11, 5), date(2026, 11, 9)
START = datetime(2026, 11, 5, 14, 23, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Havana"])
@pytest.mark.parametrize("cut", [False, True])
def test_figures_are_those_of_a_plain_count(books: Books, zone: str, cut: bool) -> None:
    org = books.org(zone=zone)
    sent = [
        event("t_sum", n + 1, kind="ab"[n % 2], provider="p" if n % 3 else None, user=f"u{n % 2}",
              occurred_at=START - timedelta(days=3) + timedelta(hours=5 * n))
        for n in range(30)
    ]  # fmt: skip
    books.many(org, sent)
    expected: dict[tuple[date, str | None], Decimal] = defaultdict(Decimal)
    for n, each in enumerate(sent):
        assert each.occurred_at is not None
        day = each.occurred_at.astimezone(ZoneInfo(zone)).date()
        inside = not cut or day < FIRST or START <= each.occurred_at < START + timedelta(days=3)
        if each.kind == "b" and FIRST - timedelta(days=2) <= day <= LAST and inside:
            expected[day, each.provider] += n + 1
    with books.transaction() as session:
        found = read_filtered(
            session, org, books.meter("t_sum"), (FIRST - timedelta(days=2), FIRST, LAST), dimension="provider",
            filters={"kind": "b"}, since=START if cut else None, until=START + timedelta(days=3) if cut else None,
        )  # fmt: skip
    assert found is not None
    assert {(row.day, row.value): row.quantity for row in found.days} == expected


def test_more_events_than_may_be_read_are_not_read(books: Books) -> None:
    org = books.org()
    books.many(org, [event("t_sum", 1, kind="a", occurred_at=START) for _ in range(3)])
    asked = {"dimension": "", "filters": {"kind": "a"}}
    days = (FIRST, FIRST, LAST)
    with books.transaction() as session:
        assert read_filtered(session, org, books.meter("t_sum"), days, most=2, **asked) is None  # type: ignore[arg-type]
        assert read_filtered(session, org, books.meter("t_sum"), days, most=3, **asked) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("dimension", FILTERS)
def test_one_filter_says_the_same_out_of_events_and_roll_ups(books: Books, dimension: str) -> None:
    org = books.org(zone="Europe/Berlin")
    books.many(org, [
        event("t_sum", n, kind="k", provider="p", endpoint="/e", user="u", client="c", language="en", format="srt",
              status_code=204, occurred_at=START + timedelta(hours=n))
        for n in range(1, 4)
    ])  # fmt: skip
    books.fold()
    value = books.run("SELECT min(value) FROM usage_days WHERE org_id = %s AND dimension = %s", (org, dimension))[0][0]
    with books.transaction() as session:
        columns = list_columns(
            session, org, books.meter("t_sum"), (FIRST, FIRST, LAST), dimension=dimension,
            values=[value] if value else [],
        )  # fmt: skip
        found = read_filtered(
            session, org, books.meter("t_sum"), (FIRST, FIRST, LAST), dimension="", filters={dimension: value}
        )
    assert found is not None
    wanted = "value" if value else "whole"
    kept = {row.day: (row.quantity, row.events) for row in columns if row.part == wanted and not row.earlier}
    assert {row.day: (row.quantity, row.events) for row in found.days} == kept
    assert kept


def test_a_dimension_that_is_not_kept_is_an_error(books: Books) -> None:
    with books.transaction() as session, pytest.raises(ValueError, match="colour"):
        read_filtered(session, books.org(), 1, (FIRST, FIRST, LAST), dimension="", filters={"colour": "red"})
