"""Which pages `make test` looks at, and why: what changed and one of each kind. The whole matrix is `make test-long`'s.

Pure: what changed and which template leans on which is given, so that a change always leads to the same pages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

KIND = "first of its kind"
Look = tuple[str, int]
"""A theme and a width."""

THEMES = ("light", "dark")
WIDTHS = (375, 1280)
LOOKS: tuple[Look, ...] = tuple(product(THEMES, WIDTHS))
EVERYWHERE = (".css", ".js")
"""Files that every page loads."""
MANY = 6
"""So many changed pages are looked at in every theme and width; when more changed, each in one."""
MOST = 12
"""So many changed pages are looked at besides the first of each kind; those left of a larger change are named."""
FEW = 3
"""A file that more templates than these have a part in counts as one of what pages share."""


@dataclass(frozen=True)
class Page:
    """What the choice needs to know of a page: its kind, and the files whose change is a change of just this page."""

    kind: str
    own: frozenset[str]
    """Its template, with the partials beside it and the modules that render it."""
    template: str
    leans_on: frozenset[str] = field(default=frozenset())
    """Layouts and components that the template extends, includes or imports, at any depth."""


@dataclass(frozen=True)
class Pick:
    """A page to look at, in which themes and widths, and the reason."""

    looks: tuple[Look, ...]
    why: str


def pick(pages: Mapping[str, Page], changed: Collection[str]) -> dict[str, Pick]:
    """The pages to look at, in the order of `pages`.

    Each kind's first page; each page of whose own files one changed; and where something changed that many pages share
    (layout, component, style, script), the first page of every template that leans on it. Of a large change no more
    than `MOST` of the latter two, from all over the table.
    """
    own, kinds, shared = _own(pages, changed), _kinds(pages), _of_templates(pages, changed)
    reasons = shared | kinds | own
    more = spread([name for name in own if name not in kinds], MOST)
    more += spread([name for name in shared if name not in own | kinds], MOST - len(more))
    whole = set(own) if len(own) <= MANY else set()
    turns = iter(range(len(pages)))
    return {
        name: Pick(LOOKS if name in whole else (LOOKS[next(turns) % len(LOOKS)],), reasons[name])
        for name in pages
        if name in {*kinds, *more}
    }


def left_out(pages: Mapping[str, Page], changed: Collection[str]) -> list[str]:
    """The pages that changed, or share what changed, and are not picked, since too many did."""
    picked = pick(pages, changed)
    return [name for name in _of_templates(pages, changed) | _own(pages, changed) if name not in picked]


def told(pages: Collection[str], picks: Mapping[str, Pick], left: Collection[str], what: str) -> list[str]:
    """Lines that say what was picked, grouped by the reason, and which changed pages were left out."""
    groups: dict[str, list[str]] = {}
    for name, each in picks.items():
        why = KIND if each.why.startswith(KIND) else each.why
        looks = (
            "" if len(each.looks) == len(LOOKS) else " " + ", ".join(f"{theme} {width}" for theme, width in each.looks)
        )
        groups.setdefault(why, []).append(f"{name}{looks}")
    head = f"{what}: {len(picks)} of {len(pages)} looked at; the others are make test-long's"
    if left:
        groups["changed and left to make test-long, for there are too many"] = list(left)
    return [head, *(f"  {why}: {'; '.join(names)}" for why, names in groups.items())]


def _own(pages: Mapping[str, Page], changed: Collection[str]) -> dict[str, str]:
    of_few = _of_few(pages.values())
    found = {name: sorted(page.own & of_few & set(changed)) for name, page in pages.items()}
    return {name: f"{files[0]} changed" for name, files in found.items() if files}


def _kinds(pages: Mapping[str, Page]) -> dict[str, str]:
    firsts = _firsts((name, page.kind) for name, page in pages.items())
    return {name: f"{KIND}: {pages[name].kind}" for name in firsts}


def _of_templates(pages: Mapping[str, Page], changed: Collection[str]) -> dict[str, str]:
    firsts = _firsts((name, page.template) for name, page in pages.items())
    return {name: f"{file} changed" for name in firsts if (file := _shared(pages[name], changed))}


def spread(names: Sequence[str], most: int) -> list[str]:
    """At most so many of them, at even distances."""
    wanted = min(most, len(names))
    return [names[number * len(names) // wanted] for number in range(wanted)]


def _firsts(pairs: Iterable[tuple[str, str]]) -> list[str]:
    seen: dict[str, str] = {}
    for name, group in pairs:
        seen.setdefault(group, name)
    return list(seen.values())


def _of_few(pages: Iterable[Page]) -> set[str]:
    owners: dict[str, set[str]] = {}
    for page in pages:
        for file in page.own:
            owners.setdefault(file, set()).add(page.template)
    return {file for file, templates in owners.items() if len(templates) <= FEW}


def _shared(page: Page, changed: Collection[str]) -> str | None:
    """A changed file that the page has in common with others; styles and scripts are each half's own."""
    side = page.template.startswith("sandbox/")
    found = [
        each
        for each in changed
        if each in page.leans_on or each in page.own
        or (each.endswith(EVERYWHERE) and each.startswith("sandbox/" if side else "static/"))
    ]  # fmt: skip
    return min(found, default=None)
