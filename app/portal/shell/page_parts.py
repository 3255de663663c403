"""Building blocks of pages: actions, sentences with links, text cards, notices. Data only, no rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.portal.shell.people import PlanManager


@dataclass(frozen=True, slots=True)
class Action:
    """A button: a link, or a form if it `posts`. `style` is primary, secondary, quiet or danger."""

    label: str
    url: str
    style: str = "secondary"
    posts: bool = False


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A highlighted part of a sentence: a link if it has a `url`, otherwise strong."""

    words: str
    url: str | None = None


Sentence = str | Sequence[str | TextSpan | Action]


@dataclass(frozen=True, slots=True)
class Section:
    """A card, top to bottom: lines, points, people to ask (`ask` says why), a last line, actions, a small note."""

    title: str | None
    lines: Sequence[Sentence] = ()
    points: Sequence[Sentence] = ()
    ask: str | None = None
    people: Sequence[PlanManager] = ()
    last: Sentence | None = None
    actions: Sequence[Action] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice at the top of a page. `kind` is info, near, strong or full."""

    kind: str
    title: str
    words: str


def build_trouble_notice(trouble: str) -> Notice:
    """The notice for an action that failed."""
    return Notice("strong", "Something went wrong", trouble)
