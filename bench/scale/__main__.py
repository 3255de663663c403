"""`python -m bench.scale [events]`: G9, G10, G14 to G16 and the seeds' figures at ten million events.

`python -m bench.scale --hour` runs the crowd for an hour on few events and prints G22.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterable

from bench import load
from bench.scale import fill, memory, reports
from bench.scale.crowd import LIMITS, Crowd, worker
from bench.scale.visitor import Visitor, owner, staff
from bench.world import KEYS, World, org, portal, world

FEW, MANY = 10_000, 10_000_000
ROUNDS, LOOKS = 3, 9
CLIENTS, ORGS = 16, 100
MINUTE, HOUR = 60, 3600
PAGES = (
    "/dashboard", "/usage", "/usage?period=12m&span=month&by=endpoint", "/billing", "/billing/statement", "/plans",
    "/api/v1/usage/current", "/api/v1/usage/summary", "/api/v1/usage/summary?user=user-1", "/api/v1/usage/history",
    "/api/v1/usage/analytics?group_by=endpoint", "/api/v1/usage/events",
)  # fmt: skip
STAFF_PAGES = (
    "/admin", "/admin/orgs", f"/admin/orgs/{org(1)}", f"/admin/orgs/{org(1)}/timeline", "/admin/analytics/revenue",
    "/admin/analytics/top", "/admin/audit", "/admin/tasks",
)  # fmt: skip


def main(words: list[str]) -> int:
    hour = words == ["--hour"]
    many = int(words[0]) if words and not hour else MANY
    with world() as current, portal() as base:
        fill.fill(current, 1, FEW + 1)
        fill.fold(current)
        people = owner(current, base), staff(base)
        return _an_hour(current, base, people) if hour else _measure(current, base, people, many)


def _measure(current: World, base: str, people: tuple[Visitor, Visitor], many: int) -> int:
    met = []
    few_pages, few_rate = _pages(people), _events(base)
    started = time.perf_counter()
    fill.fill(current, FEW + 1, many + 1)
    filled = time.perf_counter()
    folded = fill.fold(current)
    taken = time.perf_counter() - filled
    print(
        f"{many:,} events in {filled - started:.0f} s, folded in {taken:.0f} s ({folded / taken:,.0f} a second)\n",
        flush=True,
    )

    found = list(reports.ratios(current))
    _beside(f"{name}: {raw * 1000:,.0f} / {ours * 1000:,.1f} ms = {raw / ours:,.0f}" for name, raw, ours in found)
    met.append(
        _row("G9", "each of staff's reports: events / roll-ups", min(raw / ours for _, raw, ours in found), 50, 200)
    )

    many_pages = _pages(people)
    _beside(f"{path}: {many_pages[path] * 1000:.1f} / {few_pages[path] * 1000:.1f} ms = "
            f"{many_pages[path] / few_pages[path]:.2f}" for path in many_pages)  # fmt: skip
    met.append(_row("G10", f"each page: at {many:,} events / at {FEW:,}",
                    max(many_pages[path] / few_pages[path] for path in many_pages), 2, 1.2, most=True))  # fmt: skip

    figures = [_dashboard(base, people[0]) for _ in range(ROUNDS)]
    met.append(_row("G14", "dashboard requests / empty view", statistics.median(figures), 0.03, 0.08))
    met.append(_row("G15", f"single event with {many:,} keys / with {FEW:,}", _events(base) / few_rate, 0.6, 0.8))
    rare, usual = zip(*[_latencies(base) for _ in range(ROUNDS)], strict=True)
    ratio = statistics.median(a / b for a, b in zip(rare, usual, strict=True))
    met.append(_row("G16", "99th percentile of the single event / median, 16 clients", ratio, 10, 5, most=True))

    crowd = Crowd(current, base, *people, "user-1")
    with worker():
        crowd.run(MINUTE)
    _beside(f"{name}: {len(taken)} answers, median {statistics.median(taken) * 1000:.1f} ms, 95 % within "
            f"{crowd.percentile(name) * 1000:.1f} ms" for name, taken in crowd.taken.items())  # fmt: skip
    worst = max(crowd.percentile(name) / limit for name, limit in LIMITS.items())
    met.append(
        _row("seeds", "95th percentile / the seeds' own figure, worst of five, under load", worst, 1, 0.5, most=True)
    )
    return 0 if all(met) else 1


def _an_hour(current: World, base: str, people: tuple[Visitor, Visitor]) -> int:
    crowd = Crowd(current, base, *people, "user-1")
    with worker():
        crowd.run(MINUTE)
        before = memory.web_processes()
        crowd.run(HOUR - MINUTE)
        after = memory.web_processes()
    assert before.keys() == after.keys(), "a web process was replaced"
    _beside(
        f"process {n}: {after[pid] / 2**20:.1f} / {before[pid] / 2**20:.1f} MiB"
        for n, pid in enumerate(sorted(before), 1)
    )
    worst = max(after[pid] / before[pid] for pid in before)
    return 0 if _row("G22", "memory of a web process after an hour / a minute", worst, 1.3, 1.1, most=True) else 1


def _pages(people: tuple[Visitor, Visitor]) -> dict[str, float]:
    return {
        path: _look(visitor, path)
        for visitor, paths in zip(people, (PAGES, STAFF_PAGES), strict=True)
        for path in paths
    }


def _look(visitor: Visitor, path: str) -> float:
    """The median seconds of a page once both processes have shown it."""
    taken = [visitor.get(path)[0] for _ in range(LOOKS)]
    return statistics.median(taken[2:])


def _events(base: str) -> float:
    return statistics.median(
        load.wrk(base, CLIENTS, "event.lua", ORGS=str(ORGS), KEYS=str(KEYS), TARGET="/api/v1/usage/events")
        for _ in range(ROUNDS)
    )


def _latencies(base: str) -> tuple[float, float]:
    return load.latencies(base, CLIENTS, "event.lua", ORGS=str(ORGS), KEYS=str(KEYS), TARGET="/api/v1/usage/events")


def _dashboard(base: str, visitor: Visitor) -> float:
    ours = load.wrk(base, CLIENTS, "page.lua", COOKIE=visitor.cookies(), TARGET="/dashboard")
    empty = load.wrk(base, CLIENTS, "check.lua", ORGS=str(ORGS), KEYS=str(KEYS), TARGET="/api/v1/bench/null")
    print(f"     {ours:12,.0f} / {empty:12,.0f}", flush=True)
    return ours / empty


def _row(name: str, title: str, figure: float, floor: float, aim: float, *, most: bool = False) -> bool:
    reached = [figure <= wanted if most else figure >= wanted for wanted in (floor, aim)]
    verdict = "aim met" if reached[1] else "floor met" if reached[0] else "FLOOR MISSED"
    print(f"{name} {title}: {figure:.2f}, floor {floor}, aim {aim}: {verdict}", flush=True)
    return reached[0]


def _beside(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"     {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
