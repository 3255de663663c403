"""Reads packed histograms: how many events are in each bucket, and percentiles. Pure.

`usage_packed` gives each bucket twelve digits of one number. Bounds are those of `usage_latency_bounds` and
`usage_size_bounds`; a test compares them. A value is in the first bucket whose bound it does not pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

LATENCY_BOUNDS = (
    1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 800, 1_200, 2_000, 3_000, 5_000, 8_000, 12_000, 20_000,
    30_000, 60_000,
)  # fmt: skip
"""Milliseconds."""
SIZE_BOUNDS = (
    1_000, 10_000, 100_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
    200_000_000, 500_000_000, 1_000_000_000, 5_000_000_000,
)  # fmt: skip
"""Bytes."""
RESPONSES = 3
"""Buckets of responses: below 400, client's errors, server's errors."""
_BUCKET = 10**12


def unpack(packed: Decimal | None, buckets: int) -> list[int]:
    """The number of events in each bucket.

    Worked example: 2 in the first and 1 in the third: 10^24 + 2 is [2, 0, 1].
    """
    rest = int(packed or 0)
    counts = []
    for _ in range(buckets):
        rest, count = divmod(rest, _BUCKET)
        counts.append(count)
    return counts


def find_percentile(counts: Sequence[int], bounds: Sequence[int], percent: int) -> int | None:
    """The least bound that at least `percent` of the events do not pass; None above the last bound, or without events.

    Worked example: 95 % of [19, 1] with bounds 1 and 2: 19 of 20 are at most 1.
    """
    wanted, passed = sum(counts) * percent, 0
    for bound, count in zip(bounds, counts, strict=False):
        passed += count
        if wanted and passed * 100 >= wanted:
            return bound
    return None
