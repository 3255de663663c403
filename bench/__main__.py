"""`python -m bench [G1 ...]`: print each row's figure beside its floor and its aim; exit 1 when a floor is missed."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable

from bench.rows import ROWS
from bench.world import portal, world

ROUNDS = 3


def main(wanted: list[str]) -> int:
    unknown = [name for name in wanted if name not in ROWS]
    if unknown:
        sys.exit(f"No such row: {', '.join(unknown)}. There are {', '.join(ROWS)}.")
    missed = []
    with world() as made, portal() as base:
        print(f"PostgreSQL {made.postgres}, {ROUNDS} interleaved rounds, median and range\n", flush=True)
        for name in wanted or list(ROWS):
            row = ROWS[name]
            if made.postgres < row.since:
                print(f"{name} {row.title}: holds on PostgreSQL {row.since} and newer", flush=True)
                continue
            ratios = [_round(row.measure, made, base) for _ in range(ROUNDS)]
            figure = statistics.median(ratios)
            met = figure >= row.floor
            missed += [] if met else [name]
            verdict = "aim met" if figure >= row.aim else "floor met" if met else "FLOOR MISSED"
            print(f"{name} {row.title}: {figure:.2f} ({min(ratios):.2f} to {max(ratios):.2f}),"
                  f" floor {row.floor}, aim {row.aim}: {verdict}", flush=True)  # fmt: skip
    return 1 if missed else 0


def _round(measure: Callable[..., tuple[float, float]], made: object, base: str) -> float:
    ours, reference = measure(made, base)
    print(f"     {ours:12,.0f} / {reference:12,.0f}", flush=True)
    return ours / reference


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
