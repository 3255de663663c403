"""Revenue of invoices that are paid in part, in full, refunded and credited: by the cent, without tax."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analytics.revenue import PaidDocument, PaidLine, SettledPart, list_entries

DAYS = [datetime(2026, 11, day, tzinfo=UTC) for day in range(1, 29)]
ORG = UUID(int=1)


def document(lines, *settled, total=None, tax=0):
    made = tuple(PaidLine(amount, DAYS[0], usage) for amount, usage in lines)
    whole = sum(amount for amount, _ in lines) if total is None else total
    parts = tuple(SettledPart(DAYS[day], amount) for day, amount in settled)
    return PaidDocument(ORG, "USD", whole, tax, made, parts)


def by_day(found):
    """(day, usage, amount) of each entry."""
    return [(entry.at.day - 1, entry.usage, entry.amount) for entry in list_entries(found)]


FEE, USE = (4900, False), (1000, True)


@pytest.mark.parametrize(
    ("found", "entries"),
    [
        (document([FEE]), []),
        (document([FEE], (3, 4900)), [(3, False, 4900)]),
        (document([FEE, USE], (3, 5900)), [(3, False, 4900), (3, True, 1000)]),
        (document([FEE, USE], (3, 2950), (9, 2950)),
         [(3, False, 2450), (3, True, 500), (9, False, 2450), (9, True, 500)]),
        (document([FEE, USE], (3, 5900), (9, -2950)),
         [(3, False, 4900), (3, True, 1000), (9, False, -2450), (9, True, -500)]),
        (document([FEE], (3, 5831), total=5831, tax=931), [(3, False, 4900)]),
        (document([(5831, False)], (3, 5831), total=5831, tax=931), [(3, False, 4900)]),
        (document([(1, False), (1, False), (1, False)], (0, 2), total=3), [(0, False, 1), (0, False, 1)]),
        (document([(10_000, False), (-2_500, False)], (1, 7_500)), [(1, False, 10_000), (1, False, -2_500)]),
        (document([FEE], (3, 4950)), [(3, False, 4900)]),
        (document([FEE], (3, 4900), (5, -4900), (6, 4900)), [(3, False, 4900), (5, False, -4900), (6, False, 4900)]),
        (document([(0, False)], (3, 0)), []),
        (document([], (3, -500)), [(3, None, -500)]),
    ],
    ids=["open", "paid", "fee and overage", "in two parts", "half refunded", "tax added", "tax within", "thirds",
         "with a credit for unused time", "with a debt from before", "refund that failed", "nothing", "by hand"],
)  # fmt: skip
def test_revenue_of_a_document(found, entries):
    assert by_day(found) == entries


amounts = st.lists(st.tuples(st.integers(1, 10**7), st.booleans()), min_size=1, max_size=6)


@given(amounts, st.lists(st.integers(1, 10**7), min_size=1, max_size=6), st.integers(0, 30))
def test_any_sequence_of_payments_comes_to_the_total_without_tax(lines, payments, rate):
    net = sum(amount for amount, _ in lines)
    total = net + net * rate // 100
    parts, left = [], total
    for day, payment in enumerate(payments):
        parts.append((day, min(payment, left)))
        left -= min(payment, left)
    found = list(list_entries(document(lines, *parts, (27, left), total=total, tax=total - net)))
    assert sum(entry.amount for entry in found) == net
    for usage in (True, False):
        expected = sum(amount for amount, kind in lines if kind is usage)
        assert sum(entry.amount for entry in found if entry.usage is usage) == expected
    back = document(lines, *parts, (26, left), (27, -total), total=total, tax=total - net)
    assert sum(entry.amount for entry in list_entries(back)) == 0
