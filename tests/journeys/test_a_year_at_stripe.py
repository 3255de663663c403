"""A purchase on 31 January, renewals, a card that fails, the grace, the Free limits, and payment after all.

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
from sqlalchemy.orm import Session

from app.catalog.apply import apply_catalog
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from app.kit.clock import Clocks
from app.web.database import db
from sandbox.mailbox.__main__ import MessageSink
from sandbox.mailbox.mail_folder import MailFolder
from tests.scenario import Org, Scenario
from tests.scenario.fixtures import begin
from tests.standin import StandIn
from tests.support.copy import copy
from tests.support.installation import opened
from tests.today import FixedClock

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
BOUGHT = STARTS[0]
LAST_DAYS = {2: "8 May", 12: "8 Mar"}  # of the grace, as the page tells it, by the number of renewals
PAID = "Payment received: $19.00"
SWEEPS = (
    "metering.partitions",
    "subscriptions.open_periods",
    "payments.advance_dunnings",
    "payments.resolve_pending",
    "metering.fold",
)
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
def scenario(request: pytest.FixtureRequest, app: Flask, session: Session, clock: FixedClock) -> Scenario:
    """All that the worker does."""
    clock.at = BOUGHT - 20 * DAY
    made = begin(request, app, session, clock)
    made.only, made.sweeps = None, SWEEPS
    apply_catalog(session, read_catalog(PLAN, "team"), actor=SYSTEM, now=clock.at)
    session.commit()
    return made


@pytest.fixture
def payer(scenario: Scenario) -> Org:
    """An org on the Free plan."""
    return scenario.org(zone=ZONE)


@pytest.mark.parametrize("months", [2, pytest.param(12, marks=pytest.mark.long)])
@pytest.mark.slow
def test_months_then_a_card_that_fails_then_payment(payer: Org, box: tuple[MailFolder, int], months: int) -> None:
    payer.scenario.at(BOUGHT).settle()
    assert copy("returned.given", plan="Team") in payer.buys_on_pages("team")
    payer.scenario.settle()
    use_up(payer)
    for at in STARTS[1 : months + 1]:
        renew(payer, at)
    renewed(payer, box[0], months)
    payer.changes_card_on_pages(FAILING)
    payer.scenario.settle()
    assert "Visa ending 0341" in payer.page("/billing")
    grace(payer, box[0], months)
    held_to_free(payer)
    kept = everything(payer)
    recovered(payer, box[0], months)
    assert [name for name, count in everything(payer).items() if count < kept[name]] == []
    tiles(payer, months + 3)
    payer.scenario.session.rollback()
    assert db.engine.pool.checkedout() == 0  # every connection was given back


def letters(box: MailFolder) -> list[str]:
    """The subjects of all letters, oldest first."""
    return [each.subject for each in reversed(box.all())]


def use_up(payer: Org) -> None:
    """The whole allowance can be used, exactly, and no unit more."""
    assert payer.cap() == ALLOWANCE
    assert (payer.reports(ALLOWANCE - 1), payer.reports(2), payer.reports(1), payer.reports(1)) == (
        200,
        REFUSED,
        200,
        REFUSED,
    )
    assert not payer.may_use(1)


def renew(payer: Org, at: datetime) -> None:
    """Nothing more a second before; all of it again from the boundary on, also before Stripe has told us."""
    before = len(payer.bills())
    payer.scenario.clock.at = at - SECOND_LONG
    assert payer.reports(1) == REFUSED
    payer.scenario.clock.at = at
    assert payer.reports(1) == 200
    payer.scenario.settle()  # the draft, which is paid an hour later
    assert payer.page("/dashboard")
    assert len(payer.bills()) == before
    payer.scenario.at(at + HOUR + SECOND_LONG).settle()
    assert len(payer.bills()) == before + 1
    assert (payer.reports(ALLOWANCE - 2), payer.reports(2), payer.reports(1), payer.reports(1)) == (
        200,
        REFUSED,
        200,
        REFUSED,
    )
    assert payer.reads("/subscription")["state"] == "active"


def renewed(payer: Org, box: MailFolder, months: int) -> None:
    """Every payment once, and every letter of them; periods that tile time on Stripe's anchor."""
    bills, paid = payer.bills(), months + 1
    assert [each["reason"] for each in bills] == ["subscription_start", *["subscription_renewal"] * months]
    assert {(each["state"], each["amount"], each["currency"], each["refunded"]) for each in bills} == {
        ("completed", "19.00", "USD", "0.00")
    }
    for name in ("invoice", "transaction"):
        assert len({each[name] for each in bills} - {""}) == paid, name
    assert [each["state"] for each in payer.reads("/billing/history?limit=100")["records"]] == ["completed"] * paid
    charges = payer.scenario.stripe.objects("charge")
    assert [(each["paid"], each["amount"]) for each in charges] == [(True, 1900)] * paid
    assert len([each for each in payer.scenario.stripe.objects("invoice") if each["status"] == "paid"]) == paid
    used = payer.rows(
        "SELECT c.used FROM usage_counters c JOIN meters m ON m.id = c.meter_id"
        f" WHERE c.org_id = :org AND m.key = 'api_calls' AND c.period_start >= '{BOUGHT}' ORDER BY c.period_start"
    )
    assert [int(row[0]) for row in used] == [ALLOWANCE] * paid
    known = payer.rows("SELECT at FROM subscription_events WHERE org_id = :org AND kind = 'renewed' ORDER BY at")
    assert [row[0] for row in known] == STARTS[1 : months + 1]
    assert [each.split(" for ")[0] for each in letters(box)] == [PAID] * paid
    tiles(payer, months + 2)


def tiles(payer: Org, known: int) -> None:
    """From the first day on without a gap or an overlap; from the purchase on as Stripe's calendar has it."""
    periods = payer.rows("SELECT starts_at, ends_at FROM usage_periods WHERE org_id = :org ORDER BY starts_at")
    assert all(earlier[1] == later[0] for earlier, later in pairwise(periods))
    since = [row[0] for row in periods if row[0] >= BOUGHT]
    assert since[: min(known, len(STARTS))] == STARTS[:known]


def grace(payer: Org, box: MailFolder, months: int) -> None:
    """The renewal fails: letters on day 0, 3, 5 and 7 and no others; until the seventh day the plan holds whole."""
    unpaid = STARTS[months + 1]
    payer.scenario.at(unpaid).settle()
    assert payer.reports(1) == 200
    failed = unpaid + HOUR + SECOND_LONG
    told = {}
    for day in (0, 1, 2, 3, 4, 5, 6, 7):
        payer.scenario.at(failed + day * DAY).settle()
        told[day] = letters(box)[months + 1 :]
        if day < 7:
            assert payer.reads("/subscription")["state"] == "past_due"
            assert payer.cap() == ALLOWANCE
            assert payer.reports(100) == 200
            assert re.search(f"A payment failed.*until .*{LAST_DAYS[months]}", payer.page("/dashboard"), re.DOTALL)
    assert {day: len(found) for day, found in told.items()} == {0: 1, 1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 3, 7: 4}
    words = [copy(f"mail.{name}") for name in ("failed", "reminder", "reminder", "reduced")]
    assert [word in subject for word, subject in zip(words, told[7], strict=True)] == [True] * 4
    assert payer.bills()[-1]["state"] == "failed"


def held_to_free(payer: Org) -> None:
    """The seventh day is over: the Free plan's thousand, on the plan's name; everything can still be read."""
    assert copy("banner.overdue") in payer.page("/dashboard")
    told = payer.reads("/subscription")
    assert (told["plan"]["key"], told["limited"]) == ("team", True)
    assert payer.cap() == FREE
    assert payer.reports(FREE - 701) == 200  # 701 stand from the grace
    assert payer.reports(1) == REFUSED
    assert not payer.may_use(1)
    for path in ("/dashboard", "/usage", "/billing", "/billing/history.csv"):
        assert payer.page(path)


def recovered(payer: Org, box: MailFolder, months: int) -> None:
    """Another card, and payment: the plan's limits hold at once, the letter says so, and the next renewal is paid."""
    assert payer.press("/billing/pay").status_code == 402
    assert payer.bills()[-1]["state"] == "failed"
    payer.changes_card_on_pages(SECOND)
    payer.scenario.settle()
    answer = payer.press("/billing/pay")
    assert (answer.status_code, answer.headers.get("Location")) == (303, "/billing")
    told = payer.reads("/subscription")
    assert (told["state"], told["limited"], payer.cap()) == ("active", False, ALLOWANCE)
    assert payer.reports(ALLOWANCE - FREE) == 200
    assert payer.reports(1) == REFUSED
    payer.scenario.settle()
    [(name,)] = payer.rows("SELECT name FROM orgs WHERE id = :org")
    assert sorted(letters(box)[months + 5 :]) == sorted([copy("mail.paid", org=name), f"{PAID} for {name}"])
    assert "A payment" not in payer.page("/dashboard")
    renew(payer, STARTS[months + 2])
    bills = payer.bills()
    assert [each["state"] for each in bills] == ["completed"] * (months + 3)
    assert "5555" not in bills[-1]["card"]
    assert "4444" in bills[-1]["card"]
    assert len([each for each in payer.scenario.stripe.objects("charge") if each["paid"]]) == months + 3


def everything(payer: Org) -> dict[str, int]:
    """How many rows stand of the org, by table."""
    return {name: payer.rows(f"SELECT count(*) FROM {name} WHERE org_id = :org")[0][0] for name in KEPT}
