"""Every plan and interval of a catalogue to every other, by API: what was shown is what Stripe charges, to the unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.catalog.apply import apply_catalog
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from app.kit.clock import Clocks
from app.metering.partitions import ensure_partitions
from app.payments.cli import background_gateway
from app.payments.gateway import get_gateway
from app.payments.price_push.push import push_catalog
from app.settings import PROJECT
from app.web.database import db, transaction
from tests.payments.test_billing_api import Caller
from tests.scenario import Org, Scenario
from tests.scenario.fixtures import begin
from tests.standin import StandIn
from tests.support.database import own_database
from tests.support.installation import app_on
from tests.today import FixedClock

PAID = {"coaching": ("pro", "business"), "conversion": ("starter", "pro"), "scan_api": ("pro",)}
"""The plans of each catalogue that are paid for by month or year. `transformations` has none."""

INTERVALS = ("month", "year")
CARDS = ("4242424242424242", "5555555555554444", "4000056655665556", "378282246310005")
"""One for each subscriber: a card has one trial."""
CURRENCIES = {"coaching": ("USD", "EUR"), "conversion": ("USD", "EUR"), "scan_api": ("USD", "JPY")}
WHOLE = [
    (name, currency, percent, (plan, interval))
    for name, plans in PAID.items()
    for currency, percent in product(CURRENCIES[name], (None, 20))
    for plan, interval in product(plans, INTERVALS)
]
SAMPLE = [("scan_api", "JPY", 20, ("pro", "month"))]


class Choice(NamedTuple):
    """A plan at an interval."""

    plan: str
    interval: str


@contextmanager
def installed(
    request: pytest.FixtureRequest, server: Path, clocks: Clocks, stripe: StandIn, name: str
) -> Iterator[Scenario]:
    """A story on an installation of its own, which sells this catalogue at Stripe."""
    clock = clocks.business
    assert isinstance(clock, FixedClock)
    text = (PROJECT / "catalogs" / f"{name}.toml").read_text(encoding="utf-8")
    settings = stripe.stripe_settings()
    with own_database(server, "matrix") as url, app_on(url, clocks, **settings) as app, app.app_context():
        with transaction() as session:
            apply_catalog(session, read_catalog(text, name), actor=SYSTEM, now=clock.now())
        ensure_partitions(back=2)
        scenario = begin(request, app, db.session(), clock)
        list(push_catalog(get_gateway(), clock.now()))
        yield scenario
        db.session.remove()


class Subscriber:
    """An org on a plan of a catalogue, ten days into its period, and what Stripe has charged it."""

    def __init__(self, scenario: Scenario, start: Choice, currency: str, percent: int | None, card: str) -> None:
        self.scenario, self.start, self.currency = scenario, start, currency
        self.org: Org = scenario.org()
        self.call = Caller(self.org)
        with background_gateway():
            shown = self.ask("/subscription/preview", start)
            self.org.pays(self.org.opens(*start, currency), card)
            assert self.org.returns() == "paid"
        if not shown["amount_due"]:  # it is tried first: its first paid period begins now
            assert self.charges() == []
            self.renew()
        assert self.charges() == [shown["amount_due"] or shown["next_payment"]["amount"]]
        if percent:
            v1 = scenario.stripe.client().v1
            coupon = v1.coupons.create({"percent_off": percent, "duration": "forever"})
            v1.subscriptions.update(self.running()["id"], {"discounts": [{"coupon": coupon.id}]})

    def ask(self, path: str, wanted: Choice, **more: Any) -> Any:
        body = {"plan": wanted.plan, "interval": wanted.interval, "currency": self.currency, **more}
        with background_gateway():
            answer = self.call("POST", path, body)
        assert answer.status_code == 200, answer.json
        return answer.json

    def running(self) -> Any:
        [found] = self.scenario.stripe.objects("subscription", customer=self.org.customer_id)
        return found

    def charges(self) -> list[int]:
        """What was charged, in order."""
        charged = self.scenario.stripe.objects("charge", customer=self.org.customer_id, paid=True)
        assert {each["currency"] for each in charged} <= {self.currency.lower()}
        return [each["amount"] for each in sorted(charged, key=lambda each: (each["created"], each["id"]))]

    def held(self) -> Choice:
        found = self.call("GET", "/subscription").json
        return Choice(found["plan"]["key"], found["interval"])

    def renews_at(self) -> datetime:
        return datetime.fromtimestamp(self.running()["items"]["data"][0]["current_period_end"], UTC)

    def renew(self) -> None:
        """Its next period begins, and Stripe's invoice of it is paid."""
        self.scenario.moves_to(self.renews_at() + timedelta(days=1, hours=2))
        self.scenario.settle()


def change(who: Subscriber, wanted: Choice) -> None:
    """Change as a program does, by what the preview says, and follow the money to the next period."""
    shown = who.ask("/subscription/preview", wanted)
    if shown["timing"] == "at_once":
        _change_at_once(who, wanted, shown)
    else:
        dearer = who.start.interval == "year" and wanted.plan != who.start.plan and wanted.interval == "month"
        assert shown["timing"] in ({"at_period_end", "choose"} if dearer else {"at_period_end"}), shown
        assert shown["quote"] is None
        _change_later(who, wanted)


def _change_at_once(who: Subscriber, wanted: Choice, shown: dict[str, Any]) -> None:
    before = who.charges()
    assert who.ask("/subscription", wanted, quote=shown["quote"])["applied"]
    assert who.held() == wanted
    assert who.charges() == [*before, shown["amount_due"]]
    assert sum(line["amount"] for line in shown["lines"]) - shown["discount"] + shown["tax"] == shown["total"]
    who.scenario.settle()
    assert who.renews_at() == datetime.fromisoformat(shown["next_payment"]["at"])
    who.renew()
    assert who.charges() == [*before, shown["amount_due"], shown["next_payment"]["amount"]]
    assert who.held() == wanted


def _change_later(who: Subscriber, wanted: Choice) -> None:
    """Planned and undone once, planned and kept once."""
    before, end = who.charges(), who.renews_at()
    for kept in (False, True):
        planned = who.ask("/subscription", wanted)
        assert (planned["applied"], datetime.fromisoformat(planned["takes_effect_at"])) == (False, end)
        if not kept:
            assert who.ask("/subscription", who.start)["applied"]
            assert who.call("GET", "/subscription").json["planned_change"] is None
    assert (who.held(), who.charges()) == (who.start, before)
    who.scenario.settle()
    shown = who.call("GET", "/billing").json["next_invoice"]
    who.renew()
    assert who.held() == wanted
    assert who.charges() == [*before, shown["amount"]]


def cancel(who: Subscriber) -> None:
    """Cancelled and taken back once, cancelled and kept once."""
    before, end = who.charges(), who.renews_at()
    for kept in (False, True):
        with background_gateway():
            ended = who.call("DELETE", "/subscription").json
        assert datetime.fromisoformat(ended["ends_at"]) == end
        if not kept:
            assert who.ask("/subscription", who.start)["applied"]
    who.scenario.settle()
    who.renew()
    assert (who.charges(), who.held()) == (before, ("free", None))


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "currency", "percent", "start"),
    [*SAMPLE, *(pytest.param(*each, marks=pytest.mark.long) for each in WHOLE if each not in SAMPLE)],
)
@pytest.mark.slow
def test_what_was_shown_is_what_is_charged(
    request: pytest.FixtureRequest, server: Path, clocks: Clocks, clock: FixedClock, stripe_server: StandIn,
    name: str, currency: str, percent: int | None, start: tuple[str, str],
) -> None:  # fmt: skip
    own, began = Choice(*start), clock.now()
    others = [Choice(*each) for each in product(PAID[name], INTERVALS) if each != start]
    acts: list[Callable[[Subscriber], None]] = [lambda who, to=each: change(who, to) for each in others]
    with installed(request, server, clocks, stripe_server, name) as scenario:
        for act, card in zip([*acts, cancel], CARDS, strict=False):
            scenario.at(began)  # so that those before are past their renewals, and not renewed again
            who = Subscriber(scenario, own, currency, percent, card)
            scenario.later(days=10)
            act(who)
