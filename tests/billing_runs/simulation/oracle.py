"""What each line must say, from the catalogue's files and the story alone. Imports nothing of the product."""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from tests.billing_runs.simulation.lives import Agreed, Biography, Stay
from tests.billing_runs.simulation.org_story import Act, Use
from tests.billing_runs.simulation.prices import is_dearer, line_amount
from tests.billing_runs.simulation.spans import Span, month_share
from tests.billing_runs.simulation.story import Story

GRACE = timedelta(hours=1)


class Line(NamedTuple):
    """What is compared."""

    quantity: Fraction
    amount: int
    currency: str
    ends_at: datetime


def expect_lines(story: Story) -> dict[tuple[int, str, datetime], Line]:
    """Every line of the story, by org, meter and start of its period."""
    first = tomllib.loads(story.texts[0][1])
    lives = {
        each.number: Biography(each, [Stay(each.opened_at, _default(first), first, each.currency, collected=False)])
        for each in story.members
    }
    for act in story.acts:
        for life in lives.values() if act.org is None else [lives[act.org]]:
            _live(life, act, story)
    return {key: line for life in lives.values() for key, line in _lines(life, story)}


def _live(life: Biography, act: Act, story: Story) -> None:
    facts = act.facts
    if act.what == "close":
        life.closes.append(act.at)
    elif act.what == "use":
        life.used += [(act.at, each) for each in facts["events"] if each.id not in story.unrecorded]
    elif act.what == "assign":
        _assign(life, act, story)
    elif act.what == "end":
        for given in _open(life, facts["key"], act.at):
            given.close(act.at)
    elif act.what == "agree":
        _agree(life, act)


def _assign(life: Biography, act: Act, story: Story) -> None:
    newest = tomllib.loads([text for at, text in story.texts if at <= act.at][-1])
    key, plan = act.facts["plan"], newest["plans"][act.facts["plan"]]
    amounts = [Fraction(amount) for price in plan.get("prices", {}).values() for amount in price.values()]
    free = plan.get("default", False) or not (plan.get("charges") or not amounts or any(amounts))
    stay, before = Stay(act.at, key, newest, act.facts["currency"], not free), life.stays[-1]
    if len(life.stays) == 1 and free and plan == _default_plan_in_force(life, act.at, story):
        return  # what nobody assigned is the same
    if stay.collected != before.collected or (len(life.stays) > 1 and stay.currency != before.currency):
        life.cuts.append(act.at)
    life.stays.append(stay)
    for given in life.agreed:
        if given.open and given.plan not in {None, key}:
            given.close(act.at)


def _default_plan_in_force(life: Biography, at: datetime, story: Story) -> dict[str, Any]:
    """Newer versions reach an org that chose nothing with its next period."""
    since = max(start for start, _ in life.spans(at) if start <= at)
    found = tomllib.loads([text for shown, text in story.texts if shown <= max(since, life.member.opened_at)][-1])
    return dict(found["plans"][_default(found)])


def _agree(life: Biography, act: Act) -> None:
    kind, meter = act.facts["key"].split(":")
    span = next(span for span in life.spans(act.at) if span[0] <= act.at < span[1])
    stay, before = life.stay_at(span[1]), life.terms(span, meter)
    for given in _open(life, act.facts["key"]):
        given.close(act.at)
    plan = None if act.facts["stays"] else stay.key
    given = Agreed(kind, meter, act.facts["value"], stay.currency, act.at, plan, act.facts["ends"])
    life.agreed.append(given)
    given.put_off = is_dearer(before, life.terms(span, meter))


def _open(life: Biography, key: str, unexpired: datetime | None = None) -> list[Agreed]:
    return [
        given for given in life.agreed
        if given.open and f"{given.kind}:{given.meter}" == key
        and (unexpired is None or given.end is None or given.end > unexpired)
    ]  # fmt: skip


def _lines(life: Biography, story: Story) -> list[tuple[tuple[int, str, datetime], Line]]:
    counting = {key: meter["aggregation"] == "count" for key, meter in life.stays[0].catalogue["meters"].items()}
    found = []
    for span in life.spans(story.end):
        closed_at = next((at for at in life.closes if at >= span[1] + GRACE), None)
        if closed_at is None:
            continue
        currency = life.stay_at(span[1]).currency
        for meter, counts in counting.items():
            seen = [use for at, use in life.used if use.meter == meter and at < closed_at]
            used = [Fraction(1) if counts else Fraction(use.quantity) for use in seen if _within(use, span)]
            charge, allowance = life.terms(span, meter)
            share = month_share(span, life.member.zone)
            amount = line_amount(charge, currency, sum(used, Fraction(0)), allowance, share) if charge else 0
            if used or charge:
                line = Line(sum(used, Fraction(0)), amount, currency, span[1])
                found.append(((life.member.number, meter, span[0]), line))
    return found


def _within(use: Use, span: Span) -> bool:
    return span[0] <= use.occurred_at < span[1]


def _default(catalogue: dict[str, Any]) -> str:
    return next(key for key, plan in catalogue["plans"].items() if plan.get("default"))
