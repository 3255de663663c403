"""One org that pays through Stripe, seen from outside: its browser, its API key, its letters, and a worker's day."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.kit.clock import FixedClock
from app.web.database import db
from app.worker import ROOMS
from sandbox.mailbox.mail_folder import MailFolder
from tests.factories import unique
from tests.pages import csrf_token
from tests.standin import GOOD_CARD, StandIn
from tests.standin_visit import Visit

_TAKE = text("""
    DELETE FROM procrastinate_jobs
    WHERE id = (SELECT id FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id LIMIT 1)
    RETURNING task_name, args
""")
SWEEPS = ("metering.partitions", "subscriptions.open_periods", "payments.dun", "payments.ask", "metering.fold")


@dataclass
class Subscriber:
    """`key` are the headers of its API calls; `box` is the mailbox that its letters reach by SMTP."""

    app: Flask
    standin: StandIn
    clock: FixedClock
    org: UUID
    browser: FlaskClient
    key: dict[str, str]
    box: MailFolder
    meter: str = "api_calls"
    host: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.host = self.app.test_client()

    # Time

    def to(self, at: datetime) -> None:
        """Move the clock; Stripe and the worker do what that makes due."""
        self.clock.at = at
        self.settle()

    def settle(self) -> None:
        """Stripe, its webhooks, the sweeps and the queue, until all are quiet."""
        while self.standin.run_due() + self.standin.deliver() + self.work():
            pass
        with self.app.app_context():
            for name in SWEEPS:
                _task(name)()
        self.work()

    def work(self) -> int:
        """Run every task that waits, as the worker does; returns how many."""
        done = 0
        with self.app.app_context():
            while (found := self._take()) is not None:
                _task(found[0])(**found[1])
                done += 1
        return done

    def _take(self) -> Any:
        with db.engine.begin() as connection:
            return connection.execute(_TAKE).one_or_none()

    # What its people do

    def page(self, path: str) -> str:
        """A page, which must be there."""
        answer = self.browser.get(path, buffered=True)  # a file is streamed
        assert answer.status_code == 200, answer.text[:500]
        return answer.text

    def press(self, path: str, **fields: str) -> Any:
        """Send a form of the billing page."""
        return self.browser.post(path, data={"csrf_token": csrf_token(self.browser, "/billing"), **fields})

    def buy(self, plan: str, card: str = GOOD_CARD) -> str:
        """From the upgrade page over Stripe's to the return page, whose words come back."""
        page = self.page(f"/billing/upgrade/{plan}")
        form = dict(re.findall(r'name="(interval|currency|version)" value="([^"]*)"', page))
        answer = self.press(f"/billing/upgrade/{plan}", **form)
        assert answer.status_code == 303, answer.text[:500]
        back = self.standin.pay(answer.headers["Location"], card).location
        assert back
        return self.page(_local(back))

    def exchange_card(self, card: str) -> None:
        """Type another card on Stripe's page."""
        answer = self.press("/billing/card")
        assert answer.status_code == 303, answer.text[:500]
        visit = Visit(self.standin.url)
        visit.open(answer.headers["Location"])
        visit.submit("add-card", number=card, expiry="12 / 34", cvc="123", name="Asa Ek")
        assert visit.status == 200 or visit.location, visit.text

    # What its program does

    def use(self, quantity: int) -> int:
        """Report usage now; the status of the answer."""
        event = {"id": unique("event"), "meter": self.meter, "quantity": quantity}
        return int(self.host.post("/api/v1/usage/events", json=event, headers=self.key).status_code)

    def check(self, quantity: int) -> bool:
        """Whether so much would be taken."""
        sent = {"meter": self.meter, "quantity": quantity}
        return bool(self.host.post("/api/v1/usage/check", json=sent, headers=self.key).get_json()["allowed"])

    def read(self, path: str) -> Any:
        """What the API answers to a read."""
        answer = self.host.get(f"/api/v1{path}", headers=self.key)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def allowance(self) -> int:
        """The limit in force."""
        return int(next(each["allowance"] for each in self.read("/limits")["meters"] if each["meter"] == self.meter))

    # What is left of it

    def letters(self) -> list[str]:
        """The subjects of all letters, oldest first."""
        return [each.subject for each in reversed(self.box.all())]

    def bills(self) -> list[dict[str, str]]:
        """The billing history as its file gives it, oldest first."""
        return list(csv.DictReader(io.StringIO(self.page("/billing/history.csv").lstrip("\ufeff"))))[::-1]

    def lent(self) -> int:
        """How many connections were not given back."""
        with self.app.app_context():
            return int(db.engine.pool.checkedout())  # type: ignore[attr-defined]

    def rows(self, statement: str) -> list[Any]:
        """What a statement with `:org` finds."""
        with self.app.app_context(), db.engine.connect() as connection:
            return list(connection.execute(text(statement), {"org": self.org}))


def _task(name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = next(room.TASKS[name] for room in ROOMS if name in room.TASKS)
    return found


def _local(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"
