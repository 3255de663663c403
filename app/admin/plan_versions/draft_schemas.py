"""Requests and responses of the staff API of drafts. Amounts are in minor units of their currency."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.admin.plan_versions.drafting import MOST_TEXT

TomlText = Annotated[str, Meta(min_length=1, max_length=MOST_TEXT)]


class DraftRequest(msgspec.Struct, forbid_unknown_fields=True):
    """One plan as a catalogue file has it, with the meters that it uses."""

    toml: TomlText


class PublishRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The draft that was checked, and `newest_version` as the check answered it: 0 for a new plan."""

    toml: TomlText
    newest_version: Annotated[int, Meta(ge=0)]


class TermChange(msgspec.Struct):
    """A term by its path in the file; `before` or `after` is "-" where there is none."""

    path: str
    before: str
    after: str


class AmountChange(msgspec.Struct):
    """An amount now, and under the draft."""

    before: int
    after: int


class RadiusSums(msgspec.Struct):
    """Running and last closed periods of the organisations rated in a currency: fee and usage, before tax."""

    currency: str
    orgs: int
    running: AmountChange
    last_closed: AmountChange


class RadiusRevenue(msgspec.Struct):
    """Monthly recurring revenue at list prices; `unsold` organisations pay by what the draft has no price for."""

    currency: str
    orgs: int
    unsold: int
    monthly: AmountChange


class RadiusOrg(msgspec.Struct):
    """An organisation's periods now and under the draft; `exceeded` names meters used beyond the draft's limits.

    `last_closed` is null if no period on this plan is closed. `sold` is false if the draft has no price for it.
    """

    org_id: str
    name: str
    version: int
    currency: str
    running: AmountChange
    last_closed: AmountChange | None
    exceeded: list[str]
    sold: bool


class Radius(msgspec.Struct):
    """What would change if all `orgs` on the plan were moved. Usage of `rated` of them was rated: these are in `sums`,
    and counted as dearer, cheaper, exceeding and unsold. `complete`: all of them. `revenue` is that of all.

    `largest` lists at most 100 organisations, the largest difference first.
    """

    orgs: int
    rated: int
    complete: bool
    dearer: int
    cheaper: int
    exceeding: int
    unsold: int
    revenue: list[RadiusRevenue]
    sums: list[RadiusSums]
    largest: list[RadiusOrg]


class DraftAnswer(msgspec.Struct):
    """What publishing would do: `version` is the version it would make, null if the terms are published already.

    `radius` is null for a new plan, and where no version would be made.
    """

    plan: str
    newest_version: int
    version: int | None
    terms: list[TermChange]
    description: list[TermChange]
    radius: Radius | None


class PublishedAnswer(msgspec.Struct):
    """The version that was published; null if only the description changed, or nothing."""

    plan: str
    version: int | None


_TOML = '[meters.api_calls]\nname = "API calls"\nunit = "call"\naggregation = "count"\n\n[plans.pro]\n…'
CHECK: dict[str, Any] = {"toml": _TOML}
PUBLISH: dict[str, Any] = {"toml": _TOML, "newest_version": 1}
PUBLISHED: dict[str, Any] = {"plan": "pro", "version": 2}
CHECKED: dict[str, Any] = {
    "plan": "pro",
    "newest_version": 1,
    "version": 2,
    "terms": [{"path": "prices.USD.month", "before": "49", "after": "59"}],
    "description": [],
    "radius": {
        "orgs": 1,
        "rated": 1,
        "complete": True,
        "dearer": 1,
        "cheaper": 0,
        "exceeding": 0,
        "unsold": 0,
        "revenue": [{"currency": "USD", "orgs": 1, "unsold": 0, "monthly": {"before": 4900, "after": 5900}}],
        "sums": [
            {
                "currency": "USD",
                "orgs": 1,
                "running": {"before": 5130, "after": 6130},
                "last_closed": {"before": 4900, "after": 5900},
            }
        ],
        "largest": [
            {
                "org_id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e01",
                "name": "Acme",
                "version": 1,
                "currency": "USD",
                "running": {"before": 5130, "after": 6130},
                "last_closed": {"before": 4900, "after": 5900},
                "exceeded": [],
                "sold": True,
            }
        ],
    },
}
