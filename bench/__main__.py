"""`python -m bench [G1 ...]`: print every row's figure with its floor and aim; exit 1 if a floor is missed.

Rows run in the table's order: the last write counters without events, and events without counters.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable

from bench.rows import ROWS
from bench.world import portal, world


def main(wanted: list[str]) -> int:
    unknown = [name for name in wanted if name not in ROWS]
    if unknown:
        sys.exit(f"No such row: {', '.join(unknown)}. The rows are {', '.join(ROWS)}.")
    missed = []
    with world() as current, portal() as base:
        print(f"PostgreSQL {current.postgres}, interleaved rounds, median and range\n", flush=True)
        for name, row in ROWS.items():
            if wanted and name not in wanted:
                continue
            if current.postgres < row.since:
                print(f"{name} {row.title}: requires PostgreSQL {row.since} or newer", flush=True)
                continue
            ratios = [_round(row.measure, current, base) for _ in range(row.rounds)]
            figure = statistics.median(ratios)
            met = row.reaches(figure, row.floor)
            missed += [] if met else [name]
            beside = f"; {row.beside(current)}" if row.beside else ""
            verdict = "aim met" if row.reaches(figure, row.aim) else "floor met" if met else "FLOOR MISSED"
            print(f"{name} {row.title}: {figure:.2f} ({min(ratios):.2f} to {max(ratios):.2f}),"
                  f" floor {row.floor}, aim {row.aim}: {verdict}{beside}", flush=True)  # fmt: skip
    return 1 if missed else 0


def _round(measure: Callable[..., tuple[float, float]], current: object, base: str) -> float:
    ours, reference = measure(current, base)
    print(f"     {ours:12,.0f} / {reference:12,.0f}", flush=True)
    return ours / reference


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
