"""Draws `docs/house.svg` from the code: the floors of the import contract, the rooms on them, and who imports whom.

`make picture` writes it; a house test compares it with what the code says now. An arrow that two others already tell
(a over b over c) is left out.
"""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PICTURE = PROJECT / "docs" / "house.svg"
WIDTH, ROW, BOX, HEIGHT, GAP = 960, 78, 132, 40, 16
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1c2733 } .small { font-size: 10.5px; fill: #5a6b7b }
  rect { fill: #eef4fb; stroke: #4778ab } .planned { fill: #fff; stroke: #9fb0c0; stroke-dasharray: 4 3 }
  path { fill: none; stroke: #9fb0c0; stroke-width: 1.2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9fb0c0 } rect { fill: #1d2b3a }
    path, .planned { stroke: #50637a } .planned { fill: #0d1117 }
  }
"""


@dataclass(frozen=True)
class Room:
    """A room of the plan: its floor (0 is the top), and how many modules it has; none while it is planned."""

    name: str
    floor: int
    modules: int


def rooms() -> list[Room]:
    """The rooms in the order of the import contract."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(each["layers"] for each in contracts["contracts"] if each.get("containers") == ["app"])
    return [
        Room(name, floor, len(_modules(name)))
        for floor, layer in enumerate(layers)
        for name in re.findall(r"\w+", layer)
    ]


def imports(names: set[str]) -> set[tuple[str, str]]:
    """Pairs (importer, imported) of different rooms."""
    pairs = set()
    for name in names:
        for path in _modules(name):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "app":
                    parts = node.module.split(".")
                    found = {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
                    pairs |= {(name, other) for other in found & names if other != name}
    return pairs


def reduced(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The pairs that no longer way already tells.

    >>> sorted(reduced({("a", "b"), ("b", "c"), ("a", "c")}))
    [('a', 'b'), ('b', 'c')]
    """
    below: dict[str, set[str]] = {}
    for upper, lower in pairs:
        below.setdefault(upper, set()).add(lower)

    def reach(name: str) -> set[str]:
        direct = below.get(name, set())
        return direct.union(*(reach(each) for each in direct))

    return {(a, b) for a, b in pairs if not any(b in reach(other) for other in below[a] - {b})}


def draw() -> str:
    """The picture as SVG text; the same code always gives the same text."""
    plan = rooms()
    floors = [[room for room in plan if room.floor == floor] for floor in range(plan[-1].floor + 1)]
    place: dict[str, tuple[float, float]] = {}
    for floor, row in enumerate(floors):
        left = (WIDTH - len(row) * (BOX + GAP) + GAP) / 2
        for number, room in enumerate(row):
            place[room.name] = (left + number * (BOX + GAP), 16 + floor * ROW)
    names = {room.name for room in plan}
    lines = [_arrow(place[a], place[b]) for a, b in sorted(reduced(imports(names)))]
    boxes = [_box(room, *place[room.name]) for room in plan]
    height = 16 + len(floors) * ROW
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="The rooms">'
    return "\n".join([head, f"<style>{STYLE}</style>", *lines, *boxes, "</svg>"]) + "\n"


def _modules(room: str) -> list[Path]:
    folder = PROJECT / "app" / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [p for p in [folder.with_suffix(".py")] if p.exists()]


def _box(room: Room, x: float, y: float) -> str:
    look = "" if room.modules else ' class="planned"'
    told = f"{room.modules} modules" if room.modules > 1 else "1 module" if room.modules else "planned"
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{BOX}" height="{HEIGHT}" rx="6"{look}/>'
        f'<text x="{x + BOX / 2:g}" y="{y + 17:g}" text-anchor="middle">{escape(room.name)}</text>'
        f'<text x="{x + BOX / 2:g}" y="{y + 32:g}" text-anchor="middle" class="small">{told}</text>'
    )


def _arrow(upper: tuple[float, float], lower: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = (upper[0] + BOX / 2, upper[1] + HEIGHT), (lower[0] + BOX / 2, lower[1])
    bend = min(40.0, (y2 - y1) / 2)
    if y2 <= y1:  # neighbours on one floor
        return f'<path d="M{x1:g} {y1 - HEIGHT / 2:g} H{x2:g}"/>'
    return f'<path d="M{x1:g} {y1:g} C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"/>'


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
