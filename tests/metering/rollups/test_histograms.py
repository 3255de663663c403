"""Packed histograms: the counts come out as they were put in, and a percentile is never below the true value."""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.metering.rollups.histograms import LATENCY_BOUNDS, SIZE_BOUNDS, find_percentile, unpack
from tests.metering.books import Books


def test_bounds_are_those_of_the_database(books: Books) -> None:
    found = books.run("SELECT usage_latency_bounds(), usage_size_bounds()")
    assert found == [(list(LATENCY_BOUNDS), list(SIZE_BOUNDS))]


@given(st.lists(st.integers(0, 10**12 - 1), min_size=25, max_size=25))
def test_counts_come_out_as_they_were_put_in(counts: list[int]) -> None:
    packed = sum(count * 10 ** (12 * bucket) for bucket, count in enumerate(counts))
    assert unpack(Decimal(packed), 25) == counts


def test_nothing_kept_is_nothing_counted() -> None:
    assert unpack(None, 3) == [0, 0, 0]
    assert find_percentile([0] * 25, LATENCY_BOUNDS, 95) is None


@pytest.mark.parametrize(("percent", "bound"), [(50, 1), (95, 1), (96, 2), (100, 2)])
def test_a_percentile_is_the_bound_that_so_many_do_not_pass(percent: int, bound: int) -> None:
    assert find_percentile([19, 1], (1, 2), percent) == bound


@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=60), st.integers(1, 100))
def test_a_percentile_is_the_true_value_or_the_next_bound_above(values: list[int], percent: int) -> None:
    counts = [0] * 25
    for value in values:
        counts[bisect_left(LATENCY_BOUNDS, value)] += 1
    true = sorted(values)[-(-len(values) * percent // 100) - 1]
    place = bisect_left(LATENCY_BOUNDS, true)
    expected = LATENCY_BOUNDS[place] if place < len(LATENCY_BOUNDS) else None
    assert find_percentile(counts, LATENCY_BOUNDS, percent) == expected
    assert expected is None or expected <= true * (2 if true > 30_000 else 1.7) or true < 1
