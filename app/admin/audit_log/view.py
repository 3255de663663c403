"""What the audit pages show: rows of a chain, one entry, and the result of a verification. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.audit.models import AuditEntry
from app.audit.queries import Entry, keep_changes
from app.audit.verify import STRETCH, ChainStretch

_KINDS = {"user": "User", "key": "API key", "staff": "Staff", "system": "System", "visitor": "Visitor"}
ALTERED = (
    "The log was changed outside Tollkeeper. Keep a copy of the database as it is, and compare it with your backups."
)


@dataclass(frozen=True, slots=True)
class Change:
    """A field that changed; an empty side did not have it."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a stretch of a chain came to; `next_first` is where the next stretch starts, None if there is none."""

    words: str
    intact: bool
    next_first: int | None
    next_label: str = ""


def describe_actor(act: AuditEntry, names: Mapping[UUID, str]) -> str:
    """Who acted: the name, and what kind of actor it is unless it is a user.

    Worked example: Ada of the staff: "Ada (staff)"; an erased user: "User".
    """
    return describe_kind_and_name(act.actor_kind, names.get(act.actor_id) if act.actor_id else None)


def describe_kind_and_name(kind: str, name: str | None) -> str:
    """The same for a kind of actor and a name, if there is one."""
    words = _KINDS.get(kind, kind)
    if name is None:
        return words
    return name if kind == "user" else f"{name} ({words if kind == 'key' else words.lower()})"


def list_changes(act: AuditEntry) -> list[Change]:
    """The fields that differ between before and after, in their order."""
    before, after = keep_changes(act.before, act.after)
    fields = list(dict.fromkeys([*before, *after]))
    return [Change(field, _text(before, field), _text(after, field)) for field in fields]


def describe_side(values: dict[str, Any]) -> str:
    """One side of a change in a line: "plan pro, seats 3"; empty without values."""
    return ", ".join(f"{field} {_text(values, field)}" for field in values)


def list_personal(entry: Entry) -> list[tuple[str, str]]:
    """The personal part by field."""
    return [(field, _text(entry.personal, field)) for field in entry.personal]


def is_erased(entry: Entry) -> bool:
    """Whether there was a personal part and it has been erased."""
    return entry.act.personal_hash is not None and not entry.personal


def describe_stretch(stretch: ChainStretch) -> Verification:
    """Worked example: 1 to 5,000 of 7,345: "Entries 1 to 5,000 of 7,345 are intact.", and the next from 5,001."""
    if stretch.problem is not None:
        problem = f"Entry {stretch.problem.seq:,}: {stretch.problem.what}."
        return Verification(f"{problem} {_describe_checked(stretch)} {ALTERED}", False, None)
    if not stretch.entries:
        return Verification("There are no entries to verify.", True, None)
    if not stretch.whole:
        left = stretch.head - stretch.last
        words = f"Entries {stretch.first:,} to {stretch.last:,} of {stretch.head:,} are intact."
        return Verification(words, True, stretch.last + 1, f"Verify the next {min(left, STRETCH):,}")
    if stretch.first > 1:
        return Verification(f"Entries {stretch.first:,} to {stretch.last:,}, the newest, are intact.", True, None)
    if stretch.entries == 1:
        return Verification("The only entry is intact.", True, None)
    return Verification(f"All {stretch.entries:,} entries are intact.", True, None)


def _describe_checked(stretch: ChainStretch) -> str:
    if not stretch.entries:
        return "No entry before it was checked."
    if stretch.entries == 1:
        return f"Entry {stretch.first:,} is intact."
    return f"Entries {stretch.first:,} to {stretch.last:,} are intact."


def _text(values: Mapping[str, Any], field: str) -> str:
    if field not in values:
        return ""
    value = values[field]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
