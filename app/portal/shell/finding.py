"""What a search through the portal finds: groups of links. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.web.addresses import path_to

MOST_FOUND = 5
"""Rows of a group that many can match: who looks for one among more types another word."""

MOST_WORDS = 100


@dataclass(frozen=True, slots=True)
class PageLink:
    """A page that can be found by its title, and by words that people look for it with."""

    title: str
    endpoint: str
    also: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A link that was found; `note` says more about it."""

    title: str
    href: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """Links of one kind."""

    title: str
    rows: Sequence[Found]


@dataclass(frozen=True, slots=True)
class FindView:
    """The page, or what the dialog shows."""

    words: str
    groups: Sequence[FoundGroup]


def parse_words(args: Mapping[str, str]) -> str:
    """The words that were typed: the parameter `q`, without what PostgreSQL cannot hold, cut after 100 characters."""
    return " ".join(args.get("q", "").replace("\x00", "").split())[:MOST_WORDS]


def matches(words: str, *texts: str) -> bool:
    """Whether each of the words is part of one of the texts, in any case. No words match everything."""
    whole = " ".join(texts).casefold()
    return all(word in whole for word in words.casefold().split())


def find_pages(pages: Iterable[PageLink], words: str) -> list[Found]:
    """The pages that match the words; all without words."""
    return [Found(page.title, path_to(page.endpoint)) for page in pages if matches(words, page.title, page.also)]


def build_find_view(words: str, groups: Mapping[str, Sequence[Found]]) -> FindView:
    """The groups that hold something, in the given order."""
    return FindView(words, [FoundGroup(title, rows) for title, rows in groups.items() if rows])
