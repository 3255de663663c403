"""Response times, errors and file sizes as rows and columns, from packed histograms."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.portal.shell.measures import build_response_row, describe_ms, describe_size, draw_file_sizes

D = Decimal
BUCKET = 10**12


def pack(**counts: int) -> Decimal:
    return D(sum(count * BUCKET ** int(bucket[1:]) for bucket, count in counts.items()))


def test_a_row_says_percentiles_and_the_share_of_errors() -> None:
    row = build_response_row("/a", 210, D(300), pack(b0=190, b1=6, b2=4), pack(b8=190, b15=10))
    assert (row.answers, row.client_errors, row.server_errors, row.error_rate) == (200, 6, 4, D(5))
    assert (row.p50, row.p95) == ("50\u00a0ms", "50\u00a0ms")


def test_what_was_not_measured_is_not_said() -> None:
    row = build_response_row("/a", 3, None, None, None)
    assert (row.answers, row.error_rate, row.p50, row.p95) == (0, None, None, None)


@pytest.mark.parametrize(("bound", "words"), [(50, "50 ms"), (1_200, "1.2 s"), (60_000, "60 s"), (None, "over 60 s")])
def test_times_are_said_in_their_unit(bound: int | None, words: str) -> None:
    assert describe_ms(bound).replace("\u00a0", " ") == words


@pytest.mark.parametrize(("bound", "words"), [(1_000, "1 kB"), (25_000_000, "25 MB"), (5_000_000_000, "5 GB")])
def test_sizes_are_said_in_their_unit(bound: int, words: str) -> None:
    assert describe_size(bound).replace("\u00a0", " ") == words


def test_files_are_columns_from_the_smallest_to_the_largest_that_there_is() -> None:
    chart = draw_file_sizes(pack(b1=3, b3=5, b14=1))
    assert chart is not None
    assert [row[0] for row in chart.table][:2] == ["to 10\u00a0kB", "to 100\u00a0kB"]
    assert [row[1] for row in chart.table] == [3, 0, 5, *[0] * 10, 1]
    assert chart.table[-1][0] == "over 5\u00a0GB"
    assert draw_file_sizes(None) is None
