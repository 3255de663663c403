"""Requests and responses of the staff API. Amounts are minor units of `currency`; quantities are exact decimals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from app.admin.orgs.search import OrgSort, OrgState
from app.kit.fields import CurrencyCode, Instant, ShortText, matching
from app.portal.usage.schemas import CurrentAnswer
from app.web.paging import Limit


class OrgsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`search` is an id, or part of a name or an email address; `next` is the cursor from the previous page."""

    search: ShortText | None = None
    plan: ShortText | None = None
    state: OrgState | None = None
    sort: OrgSort = "newest"
    limit: Limit = 50
    next: str | None = None


class OrgOut(msgspec.Struct):
    """An organisation in the list."""

    id: str
    name: str
    owner: str | None
    members: int
    plan: str | None
    created_at: Instant
    suspended_at: Instant | None


class OrgsAnswer(msgspec.Struct):
    """In the order asked for; `next` is null on the last page."""

    orgs: list[OrgOut]
    next: str | None


class MemberOut(msgspec.Struct):
    """A member of the organisation."""

    name: str
    email: str
    role: str
    joined_at: Instant


class OrgAnswer(msgspec.Struct):
    """One organisation with its members and current usage."""

    id: str
    name: str
    time_zone: str
    created_at: Instant
    suspended_at: Instant | None
    members: list[MemberOut]
    usage: CurrentAnswer


class TopQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`month` is a calendar month such as 2026-11; by default this month. By usage a `meter` is needed, by cost a
    `currency`.
    """

    meter: ShortText | None = None
    currency: CurrencyCode | None = None
    month: Annotated[str, matching(r"^20[0-9]{2}-(0[1-9]|1[0-2])\Z", "a month such as 2026-11")] | None = None
    limit: Limit = 10
    by: Literal["usage", "cost"] = "usage"


class TopOut(msgspec.Struct):
    """An organisation and its usage; by cost what it paid in the month without tax, in minor units, and its MRR."""

    id: str
    name: str
    quantity: Decimal | None = None
    events: int | None = None
    revenue: int | None = None
    mrr: int | None = None


class TopAnswer(msgspec.Struct):
    """Highest first. Usage is as of the latest roll-up, in each organisation's time zone; money is in UTC."""

    month: date
    meter: str | None
    currency: str | None
    orgs: list[TopOut]


class PlanRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The plan's key; its newest published version is assigned. `requested`: the organisation asked for it itself."""

    plan: ShortText
    currency: CurrencyCode
    interval: Literal["month", "year"] = "month"
    requested: bool = False


class OrgPlanAnswer(msgspec.Struct):
    """Whether anything changed, and the organisation's current usage.

    `takes_effect_at`: the plan is planned for then, the first billing period after the notice, as the organisation has
    been told; its usage follows at `usage_takes_effect_at`. Null: the plan holds already.
    """

    changed: bool
    usage: CurrentAnswer
    takes_effect_at: Instant | None = None
    usage_takes_effect_at: Instant | None = None
