"""What staff's pages of plans show. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.admin.plan_versions.queries import MOST_VERSIONS
from app.admin.plan_versions.radius_view import RadiusView
from app.statements.wording import format_amount
from app.web.filters import quantity

MANY = 25
MOVES = 5
_COLLECTED = {"stripe": "Stripe", "offline": "our invoices", "none": "nobody"}


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A published version: its prices in words, and how many organisations are on it."""

    number: int
    version_id: UUID
    published_at: datetime
    prices: Sequence[str]
    orgs: int
    newest: bool


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan with its versions, the newest first. `badges` are pairs of words and tone."""

    key: str
    name: str
    summary: str
    badges: Sequence[tuple[str, str]]
    archived: bool
    versions: Sequence[VersionRow]

    @property
    def newest(self) -> VersionRow:
        """The version that is on sale, or was when the plan was archived."""
        return self.versions[0]

    @property
    def orgs(self) -> int:
        """How many organisations are on any of its versions."""
        return sum(version.orgs for version in self.versions)

    @property
    def older_orgs(self) -> int:
        """How many of them are on a version that is not the newest."""
        return self.orgs - self.newest.orgs


@dataclass(frozen=True, slots=True)
class Term:
    """A term that differs between two versions: its path in a catalogue file, and both values."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class HolderRow:
    """An organisation on a plan: its version, and what it pays by."""

    org_id: UUID
    name: str
    version: str
    price: str


@dataclass(frozen=True, slots=True)
class MoveRow:
    """A move between two versions of the plan."""

    move_id: UUID
    title: str
    asked_at: datetime
    orgs: int
    stopped: bool


@dataclass(frozen=True)
class PlanView:
    """The page of one plan. `shown` is the version looked at, compared with the one before it, or with `against`.

    `radius`, where it was asked for: what moving those on `against` to `shown` would change.
    """

    plan: PlanRow
    shown: VersionRow
    against: VersionRow | None
    terms: Sequence[Term]
    holders: Sequence[HolderRow]
    only: int | None
    cut: str | None
    radius: RadiusView | None
    moves: Sequence[MoveRow] = ()

    @property
    def offers_radius(self) -> bool:
        """Whether anybody is on the version that is compared with, whom a move would concern."""
        return self.against is not None and self.against.orgs > 0 and self.radius is None

    @property
    def difference_title(self) -> str:
        """What is compared."""
        if self.against is None:
            return f"Terms of version {self.shown.number}"
        return f"Version {self.shown.number} against version {self.against.number}"


def build_plan_rows(rows: Sequence[Row[Any]]) -> list[PlanRow]:
    """One row per plan, in the order of the versions."""
    return [_build_plan(list(group)) for _, group in groupby(rows, key=lambda row: row.key)]


def describe_cut(rows: Sequence[Row[Any]]) -> str | None:
    """Say so where not all versions were read."""
    return f"Only {quantity(MOST_VERSIONS)} versions are shown." if len(rows) == MOST_VERSIONS else None


def build_terms(facts: Mapping[str, tuple[str, str]]) -> list[Term]:
    """The terms that differ, by path."""
    return [Term(path, before, after) for path, (before, after) in facts.items()]


def build_move_rows(rows: Sequence[Row[Any]]) -> list[MoveRow]:
    """The moves between versions of a plan."""
    return [
        MoveRow(
            row.id, f"Version {row.from_number} to version {row.to_number}", row.asked_at, row.orgs,
            row.stopped_at is not None,
        )
        for row in rows
    ]  # fmt: skip


def build_holders(rows: Sequence[Row[Any]]) -> list[HolderRow]:
    """The organisations on a plan, at most `MANY`."""
    return [HolderRow(row.org_id, row.name, f"Version {row.number}", _describe_payment(row)) for row in rows[:MANY]]


def describe_holders_cut(rows: Sequence[Row[Any]], total: int) -> str | None:
    """Say how many organisations are not listed."""
    return f"The first {MANY} of {quantity(total)} are listed." if len(rows) > MANY else None


def format_prices(prices: Sequence[Sequence[Any]]) -> list[str]:
    """Prices in words: "$49.00 a month (USD)"; a plan without prices has a custom one."""
    return [f"{format_amount(amount, currency)} a {interval} ({currency})" for currency, interval, amount in prices]


def _build_plan(rows: Sequence[Row[Any]]) -> PlanRow:
    head = rows[0]
    marks = [("Archived", "neutral") if head.archived_at else None, ("Default", "accent") if head.is_default else None,
             None if head.public else ("Private", "near")]  # fmt: skip
    versions = [
        VersionRow(row.number, row.version_id, row.published_at, format_prices(row.prices), row.orgs, row.is_newest)
        for row in rows
    ]
    return PlanRow(head.key, head.name, head.summary, [mark for mark in marks if mark], head.archived_at is not None,
                   versions)  # fmt: skip


def _describe_payment(row: Row[Any]) -> str:
    if row.interval is None:
        return "Nothing is collected"
    return f"By the {row.interval} in {row.currency}, collected by {_COLLECTED[row.collection]}"
