"""Response times, errors and file sizes as pages show them, from packed histograms. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.metering.rollups.histograms import LATENCY_BOUNDS, RESPONSES, SIZE_BOUNDS, find_percentile, unpack
from app.web import charts
from app.web.filters import NO_BREAK, quantity

_SECOND = 1_000
_SIZES = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


@dataclass(frozen=True)
class ResponseRow:
    """How one endpoint answered. `answers` have a status; `error_rate` is their per cent that failed, None without any.

    `p50` and `p95` are in words, None where no response time was sent; `quantity` is None where it is not known.
    """

    label: str
    href: str | None
    events: int
    quantity: Decimal | None
    answers: int
    client_errors: int
    server_errors: int
    error_rate: Decimal | None
    p50: str | None
    p95: str | None


def build_response_row(
    label: str,
    events: int,
    amount: Decimal | None,
    responses: Decimal | None,
    latency: Decimal | None,
    *,
    href: str | None = None,
) -> ResponseRow:
    """Build a row from the packed histograms of its responses and response times."""
    good, client, server = unpack(responses, RESPONSES)
    answers = good + client + server
    times = unpack(latency, len(LATENCY_BOUNDS) + 1)
    p50, p95 = (describe_ms(find_percentile(times, LATENCY_BOUNDS, each)) if any(times) else None for each in (50, 95))
    rate = (Decimal(client + server) * 100 / answers).quantize(Decimal("0.1")) if answers else None
    return ResponseRow(label, href, events, amount, answers, client, server, rate, p50, p95)


def draw_file_sizes(packed: Decimal | None) -> charts.ColumnChart | None:
    """Columns of the number of files up to each size, from the smallest to the largest there is; None without files."""
    counts = unpack(packed, len(SIZE_BOUNDS) + 1)
    found = [i for i, count in enumerate(counts) if count]
    if not found:
        return None
    names = [f"to {describe_size(bound)}" for bound in SIZE_BOUNDS] + [f"over {describe_size(SIZE_BOUNDS[-1])}"]
    span = slice(found[0], found[-1] + 1)
    files = charts.ColumnPart("files", [Decimal(count) for count in counts[span]], "1")
    return charts.draw_columns(names[span], [files], head="Size")


def describe_ms(bound: int | None) -> str:
    """A bound of the response times; None is above the last."""
    if bound is None:
        return f"over {describe_ms(LATENCY_BOUNDS[-1])}"
    return f"{quantity(Decimal(bound) / _SECOND)}{NO_BREAK}s" if bound >= _SECOND else f"{bound}{NO_BREAK}ms"


def describe_size(size: int) -> str:
    """A number of bytes that is round in its unit."""
    unit, name = next(((unit, name) for unit, name in _SIZES if size >= unit), (1, "bytes"))
    return f"{quantity(Decimal(size) / unit)}{NO_BREAK}{name}"
