"""A purchase on 31 January, twelve renewals, a card that fails, the grace, the Free limits, and payment after all.

Stripe is the stand-in over HTTP, its webhooks go through the real door, letters through a real SMTP server.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from flask import Flask

from app.catalog.apply import apply_catalog
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from app.kit.clock import Clocks, FixedClock
from app.web.database import db
from sandbox.mailbox.__main__ import MessageSink
from sandbox.mailbox.mail_folder import MailFolder
from tests import factories
from tests.journeys.subscriber import Subscriber
from tests.standin import StandIn
from tests.support.installation import opened

ZONE = "Pacific/Auckland"  # where it is 1 February already when the plan is bought
FAILING, SECOND = "4000000000000341", "5555555555554444"
ALLOWANCE, FREE = 2000, 1000
REFUSED = 429
DAY, HOUR, SECOND_LONG = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
PLAN = """
[meters.api_calls]
name = "API calls"
unit = "call"
aggregation = "sum"

[plans.team]
name = "Team"
summary = "Two thousand calls a month, and not one more."
prices.USD = { month = "19.00" }

[plans.team.limits]
jobs_at_once = 2
file_bytes = "10 MB"
requests_per_minute = "unlimited"
retention_days = 400

[plans.team.meters.api_calls]
allowance = 2000
policy = "block"
"""
# Written down, not worked out: the last day of a month that has no 31st, and the 31st again where there is one.
STARTS = [
    datetime(*day, 15, 30, tzinfo=UTC)
    for day in [
        (2027, 1, 31), (2027, 2, 28), (2027, 3, 31), (2027, 4, 30), (2027, 5, 31), (2027, 6, 30), (2027, 7, 31),
        (2027, 8, 31), (2027, 9, 30), (2027, 10, 31), (2027, 11, 30), (2027, 12, 31), (2028, 1, 31), (2028, 2, 29),
        (2028, 3, 31),
    ]
]  # fmt: skip
BOUGHT, RENEWALS, UNPAID, AFTER = STARTS[0], STARTS[1:13], STARTS[13], STARTS[14]
PAID = "Payment received: $19.00"
KEPT = ("usage_events", "usage_periods", "usage_counters", "billing_records", "stripe_invoices", "api_keys",
        "memberships", "subscriptions", "audit_entries", "checkouts")  # fmt: skip


@pytest.fixture
def box(tmp_path: Path) -> Iterator[tuple[MailFolder, int]]:
    """The sandbox's mailbox behind its SMTP server, and the server's port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = MailFolder(tmp_path / "mail")
    smtp = Controller(MessageSink(store), hostname="127.0.0.1", port=port)
    smtp.start()
    yield store, port
    smtp.stop()


@pytest.fixture
def app(
    server: Path, clocks: Clocks, clock: FixedClock, standin: StandIn, box: tuple[MailFolder, int]
) -> Iterator[Flask]:
    """An installation of its own: its queue holds nobody else's tasks."""
    clock.at = BOUGHT - 20 * DAY
    with opened(server, "year", clocks, smtp_port=box[1], **standin.stripe_settings()) as made:
        yield made


@pytest.fixture
def payer(app: Flask, clock: FixedClock, standin: StandIn, box: tuple[MailFolder, int]) -> Subscriber:
    """An org on the Free plan, its owner signed in, with a key."""
    standin.deliver_to(app.test_client())
    with app.app_context():
        session = db.session()
        apply_catalog(session, read_catalog(PLAN, "team"), actor=SYSTEM, now=clock.at)
        session.commit()
        org = factories.make_org(session, time_zone=ZONE)
        owner = factories.make_member(session, org, email="owner@year.example")
        browser = factories.signed_in(app, session, owner, org)
        return Subscriber(app, standin, clock, org.id, browser, factories.bearer(factories.make_key(session, org)),
                          box[0])  # fmt: skip


def test_a_year_then_a_card_that_fails_then_payment(payer: Subscriber) -> None:
    payer.to(BOUGHT)
    assert "You are on Team" in payer.buy("team")
    payer.settle()
    use_up(payer)
    for at in RENEWALS:
        renew(payer, at)
    twelve_renewals(payer)
    payer.exchange_card(FAILING)
    payer.settle()
    assert "Visa ending 0341" in payer.page("/billing")
    grace(payer)
    held_to_free(payer)
    kept = everything(payer)
    recovered(payer)
    assert [name for name, count in everything(payer).items() if count < kept[name]] == []
    tiles(payer, 15)
    assert payer.lent() == 0


def use_up(payer: Subscriber) -> None:
    """The whole allowance can be used, exactly, and no unit more."""
    assert payer.allowance() == ALLOWANCE
    assert (payer.use(ALLOWANCE - 1), payer.use(2), payer.use(1), payer.use(1)) == (200, REFUSED, 200, REFUSED)
    assert not payer.check(1)


def renew(payer: Subscriber, at: datetime) -> None:
    """Nothing more a second before; all of it again from the boundary on, also before Stripe has told us."""
    before = len(payer.bills())
    payer.clock.at = at - SECOND_LONG
    assert payer.use(1) == REFUSED
    payer.clock.at = at
    assert payer.use(1) == 200
    payer.settle()  # the draft, which is paid an hour later
    assert payer.page("/dashboard")
    assert len(payer.bills()) == before
    payer.to(at + HOUR + SECOND_LONG)
    assert len(payer.bills()) == before + 1
    assert (payer.use(ALLOWANCE - 2), payer.use(2), payer.use(1), payer.use(1)) == (200, REFUSED, 200, REFUSED)
    assert payer.read("/subscription")["state"] == "active"


def twelve_renewals(payer: Subscriber) -> None:
    """Thirteen payments, each once, and every letter of them; periods that tile time on Stripe's anchor."""
    bills = payer.bills()
    assert [each["reason"] for each in bills] == ["subscription_start", *["subscription_renewal"] * 12]
    assert {(each["state"], each["amount"], each["currency"], each["refunded"]) for each in bills} == {
        ("completed", "19", "USD", "0")
    }
    for name in ("invoice", "transaction"):
        assert len({each[name] for each in bills} - {""}) == 13, name
    assert [each["state"] for each in payer.read("/billing/history?limit=100")["records"]] == ["completed"] * 13
    charges = payer.standin.objects("charge")
    assert [(each["paid"], each["amount"]) for each in charges] == [(True, 1900)] * 13
    assert len([each for each in payer.standin.objects("invoice") if each["status"] == "paid"]) == 13
    used = payer.rows(
        "SELECT c.used FROM usage_counters c JOIN meters m ON m.id = c.meter_id"
        f" WHERE c.org_id = :org AND m.key = 'api_calls' AND c.period_start >= '{BOUGHT}' ORDER BY c.period_start"
    )
    assert [int(row[0]) for row in used] == [ALLOWANCE] * 13
    renewed = payer.rows("SELECT at FROM subscription_events WHERE org_id = :org AND kind = 'renewed' ORDER BY at")
    assert [row[0] for row in renewed] == RENEWALS
    assert [each.split(" for ")[0] for each in payer.letters()] == [PAID] * 13
    tiles(payer, 14)


def tiles(payer: Subscriber, known: int) -> None:
    """From the first day on without a gap or an overlap; from the purchase on as Stripe's calendar has it."""
    periods = payer.rows("SELECT starts_at, ends_at FROM usage_periods WHERE org_id = :org ORDER BY starts_at")
    assert all(earlier[1] == later[0] for earlier, later in pairwise(periods))
    since = [row[0] for row in periods if row[0] >= BOUGHT]
    assert since[: min(known, len(STARTS))] == STARTS[:known]


def grace(payer: Subscriber) -> None:
    """The renewal fails: letters on day 0, 3, 5 and 7 and no others; until the seventh day the plan holds whole."""
    payer.to(UNPAID)
    assert payer.use(1) == 200
    failed = UNPAID + HOUR + SECOND_LONG
    told = {}
    for day in (0, 1, 2, 3, 4, 5, 6, 7):
        payer.to(failed + day * DAY)
        told[day] = payer.letters()[13:]
        if day < 7:
            assert payer.read("/subscription")["state"] == "past_due"
            assert payer.allowance() == ALLOWANCE
            assert payer.use(100) == 200
            assert re.search(r"A payment failed.*until .*8 Mar", payer.page("/dashboard"), re.DOTALL)
    assert {day: len(found) for day, found in told.items()} == {0: 1, 1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 3, 7: 4}
    words = ["did not go through", "Still unpaid", "Still unpaid", "have fallen"]
    assert [word in subject for word, subject in zip(words, told[7], strict=True)] == [True] * 4
    assert payer.bills()[-1]["state"] == "failed"


def held_to_free(payer: Subscriber) -> None:
    """The seventh day is over: the Free plan's thousand, on the plan's name; everything can still be read."""
    assert "A payment is overdue" in payer.page("/dashboard")
    told = payer.read("/subscription")
    assert (told["plan"]["key"], told["limited"]) == ("team", True)
    assert payer.allowance() == FREE
    assert payer.use(FREE - 701) == 200  # 701 stand from the grace
    assert payer.use(1) == REFUSED
    assert not payer.check(1)
    for path in ("/dashboard", "/usage", "/billing", "/billing/history.csv"):
        assert payer.page(path)


def recovered(payer: Subscriber) -> None:
    """Another card, and payment: the plan's limits hold at once, the letter says so, and the next renewal is paid."""
    assert payer.press("/billing/pay").status_code == 402
    assert payer.bills()[-1]["state"] == "failed"
    payer.exchange_card(SECOND)
    payer.settle()
    answer = payer.press("/billing/pay")
    assert (answer.status_code, answer.headers.get("Location")) == (303, "/billing")
    told = payer.read("/subscription")
    assert (told["state"], told["limited"], payer.allowance()) == ("active", False, ALLOWANCE)
    assert payer.use(ALLOWANCE - FREE) == 200
    assert payer.use(1) == REFUSED
    payer.settle()
    [(name,)] = payer.rows("SELECT name FROM orgs WHERE id = :org")
    assert sorted(payer.letters()[17:]) == [f"Paid: {name} is in order again", f"{PAID} for {name}"]
    assert "A payment" not in payer.page("/dashboard")
    renew(payer, AFTER)
    bills = payer.bills()
    assert [each["state"] for each in bills] == ["completed"] * 15
    assert "5555" not in bills[-1]["card"]
    assert "4444" in bills[-1]["card"]
    assert len([each for each in payer.standin.objects("charge") if each["paid"]]) == 15


def everything(payer: Subscriber) -> dict[str, int]:
    """How many rows stand of the org, by table."""
    return {name: payer.rows(f"SELECT count(*) FROM {name} WHERE org_id = :org")[0][0] for name in KEPT}
