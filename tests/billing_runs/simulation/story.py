"""Invents what happens to organisations over some months; the seed decides all. Imports nothing of the product."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from tests.billing_runs.simulation.org_story import Act, Member, OrgStory
from tests.billing_runs.simulation.spans import month_start, next_month

# What a newer version charges by, in whole units of any currency.
MODELS = (
    'model = "per_unit"\nunit_amount = "0.0333"',
    'model = "per_unit"\nunit_amount = "4.15"\nper = 1000\nminimum = "5"\nmaximum = "300"',
    'model = "per_unit"\nunit_amount = "2.5"\ndivide_by = 1024\nround = "half"',
    'model = "graduated"\ntiers = [{ up_to = 100, unit_amount = "0.5", flat_amount = "1" }, { unit_amount = "0.125" }]',
    'model = "volume"\ntiers = [{ up_to = 1000, unit_amount = "0.02" }, { unit_amount = "0.005", flat_amount = "7" }]',
    'model = "package"\nsize = 100\nprice = "3"\nfree_units = 50',
    'model = "stairstep"\ntiers = [{ up_to = 0, flat_amount = "0" }, { flat_amount = "90" }]',
    'model = "percentage"\nrate = "2.9"\nfixed_fee = "3"',
    'model = "graduated_percentage"\ntiers = [{ up_to = 1000, rate = "1.75" }, { rate = "1.1", flat_amount = "2" }]',
    'model = "flat"\namount = "12"',
)
_CHARGE = re.compile(r'model = "per_unit"\nunit_amount = "[^"]+"[^\n]*(?=\n(?!collect))')
_ALLOWANCE = re.compile(r"allowance = ([1-9]\d*)")


@dataclass
class Story:
    """`acts` in order; `texts` are the catalogue's versions with their instants; `unrecorded` events were refused."""

    members: list[Member]
    acts: list[Act]
    texts: list[tuple[datetime, str]]
    end: datetime
    unrecorded: set[str] = field(default_factory=set)


def invent(catalogue: str, seed: int, *, orgs: int, months: int, last: datetime) -> Story:
    """A story of so many orgs and months that ends in the month of `last`, which is closed too."""
    starts = [month_start(datetime(last.year, last.month, 1).date(), "UTC")]  # noqa: DTZ001  # a date
    while len(starts) < months:
        starts.insert(0, month_start((starts[0] - timedelta(days=1)).date().replace(day=1), "UTC"))
    texts, chance = [(starts[0], catalogue)], Random(seed)
    texts += [
        (start + timedelta(days=chance.randint(4, 25), minutes=7), vary(catalogue, chance))
        for start in starts[1:]
        if chance.random() < 0.4
    ]
    acts = [Act(at, "publish", None, {"text": text}) for at, text in texts]
    members = []
    for number in range(orgs):
        own = OrgStory(Random(f"{seed} {number}"), number, tomllib.loads(catalogue), starts)
        members.append(own.member)
        acts += own.live()
    after = month_start(next_month(starts[-1].date()), "UTC")
    for start in [*starts[1:], after]:
        acts += [
            Act(start + timedelta(days=day, hours=chance.randint(13, 22)), "close", None, {"opens": day == 1})
            for day in (1, 2)
        ]
    end = after + timedelta(days=4)
    return Story(members, sorted(acts, key=lambda act: act.at), texts, end)


def vary(catalogue: str, chance: Random) -> str:
    """A newer catalogue: other allowances, other prices."""
    priced = _CHARGE.sub(lambda found: chance.choice((found[0], *MODELS)), catalogue)
    return _ALLOWANCE.sub(lambda found: f"allowance = {int(found[1]) * chance.choice((1, 1, 2, 3)) // 2 + 1}", priced)
