"""Requests and responses of the staff API of moves. Amounts are in minor units of their currency."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from app.admin.plan_moves.progress import Progress
from app.admin.plan_versions.draft_schemas import AmountChange, Radius, TermChange
from app.kit.fields import Instant, Reason, ShortText
from app.web.paging import Limit

VersionNumber = Annotated[int, Meta(ge=1, le=999_999)]


class MoveQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The version that organisations are on, and the one that they would move to, of the same plan."""

    from_version: VersionNumber = msgspec.field(name="from")
    to_version: VersionNumber = msgspec.field(name="to")


class MoveEffectsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The two versions, at most `limit` organisations, and the `next` of the page before."""

    from_version: VersionNumber = msgspec.field(name="from")
    to_version: VersionNumber = msgspec.field(name="to")
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    next: str | None = None


class MovesQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`plan` is a plan's key; without it, moves of every plan."""

    plan: ShortText | None = None
    limit: Limit = 50
    next: str | None = None


class MoveOrgsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """At most `limit` organisations, and the `next` of the page before."""

    limit: Limit = 100
    next: str | None = None


class MoveRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`orgs` is the number of organisations that the preview answered. The reason is kept in the audit log."""

    plan: ShortText
    from_version: VersionNumber
    to_version: VersionNumber
    orgs: Annotated[int, Meta(ge=1)]
    reason: Reason


class MovePreviewAnswer(msgspec.Struct):
    """What a move would change. The notice would run until `not_before`."""

    plan: str
    from_version: int
    to_version: int
    notice_days: int
    not_before: Instant
    terms: list[TermChange]
    radius: Radius


class MoveEffect(msgspec.Struct):
    """What a move would change for one organisation, and when.

    `takes_effect`: `kept` is not moved, for the `reason` that `detail` says in words; one that `follows` has no
    subscription, and is on the newest version of the default plan from `usage_at` anyway. The other fields are those of
    `largest` in a radius.
    """

    org_id: str
    name: str
    currency: str
    running: AmountChange
    last_closed: AmountChange | None
    exceeded: list[str]
    sold: bool
    takes_effect: Literal["at_once", "planned", "kept"]
    reason: str | None
    detail: str | None
    fee_at: Instant | None
    usage_at: Instant | None


class MoveEffectsAnswer(msgspec.Struct):
    """Organisations on the version, by id. `next` is null on the last page."""

    orgs: list[MoveEffect]
    next: str | None


class MoveOut(msgspec.Struct):
    """A move, and for how many of its `orgs` it is how far; states that no organisation is in are left out.

    `not_before`: when the notice has run. `stopped_at`: when it was undone. States are those of an organisation.
    """

    id: str
    plan: str
    from_version: int
    to_version: int
    reason: str
    asked_at: Instant
    not_before: Instant
    stopped_at: Instant | None
    orgs: int
    progress: dict[str, int]


class MovesAnswer(msgspec.Struct):
    """Moves, newest first. `next` is null on the last page."""

    moves: list[MoveOut]
    next: str | None


class MoveOrgOut(msgspec.Struct):
    """What a move does for an organisation.

    `state`: `waiting` (to be planned), `planned`, `moved`, `kept` or `failed` for the `detail`, `undoing`, `undone`, or
    `replaced` by another change. `reason` is the detail of `kept` as a word. Times are null where nothing is planned.
    `may_undo`: nothing of it has taken effect.
    """

    org_id: str
    name: str
    state: Progress
    reason: str | None
    detail: str | None
    fee_at: Instant | None
    usage_at: Instant | None
    may_undo: bool


class MoveOrgsAnswer(msgspec.Struct):
    """A move's organisations, by id. `next` is null on the last page."""

    orgs: list[MoveOrgOut]
    next: str | None
