"""What pages are made of: actions, sentences with links, cards of words, notices. They hold words, no rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.portal.shell.people import PlanManager


@dataclass(frozen=True, slots=True)
class Action:
    """One press: a link, or a form of its own where it `posts`. `style` is primary, secondary, quiet or danger."""

    label: str
    url: str
    style: str = "secondary"
    posts: bool = False


@dataclass(frozen=True, slots=True)
class TextSpan:
    """The part of a sentence that stands out: a link where it has a `url`, else strong."""

    words: str
    url: str | None = None


Sentence = str | Sequence[str | TextSpan | Action]


@dataclass(frozen=True, slots=True)
class Section:
    """One card from top to bottom: lines, points, whom to ask (`ask` says why), a last line, actions, a quiet note."""

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
    """What a page says before all else. `kind` is info, near, strong or full."""

    kind: str
    title: str
    words: str


def trouble_notice(trouble: str) -> Notice:
    """What went wrong with the press that led here."""
    return Notice("strong", "This did not work", trouble)
