"""No page asks the database more than six times: every page of the access table, in the states that the demo has.

The demo's people walk, in an installation that takes payments: from the addresses of `tests/browser/pages.py` along the
links of each page, to a few addresses of every route. Each page is asked for twice, and the second answer counts: the
first may open connections, and notes that somebody was seen.
"""

from __future__ import annotations

import html
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.exceptions import HTTPException

from app.accounts.models import User
from app.accounts.queries import list_org_choices
from app.admin.plan_moves.tasks import move_orgs
from app.factory.access import ACCESS
from app.kit.actor import SYSTEM
from app.kit.clock import Clocks
from app.ops.cli import demo
from app.payments.cli import background_gateway
from app.payments.gateway import get_gateway
from app.payments.price_push.push import push_catalog
from app.subscriptions.changes import move_rows
from app.web.database import db, transaction
from tests import factories
from tests.browser.pages import PAGES
from tests.factories import MadePlan
from tests.pages import send
from tests.scenario import Scenario
from tests.standin import StandIn
from tests.support.database import own_database
from tests.support.installation import app_on
from tests.support.statements import asked_inside
from tests.today import NOON, FixedClock

MOST = 6
ALLOWED = {
    "proof.show": (10, "counts a period again, from one snapshot, and compares every event with what was sent"),
    "admin.org_proof": (10, "the same"),
    "admin.plan_move": (23, "works out what a move does for everybody, by as many statements however many they are"),
    "admin.plan_move_orgs": (22, "the same for those of a page"),
    "billing.upgrade": (9, "of a change of plan: reads what Stripe is asked, and what it then said is compared with"),
}
"""Pages that may ask more, how often, and why."""
NO_PAGES = {
    "admin.invoice_pdf", "admin.usage_csv", "docs.openapi", "health.healthz",
    "health.metrics", "health.readyz", "sandbox.move_clock", "static", "statement.csv_file", "statement.pdf_file",
    "usage.csv", "usage.events",
} | {name for name in ACCESS if name.endswith(("_csv", "_pdf")) or "_api." in name}  # fmt: skip
"""What answers a GET with something else than a page."""
A_ROUTE = 4
"""Addresses of a route that one person goes on to: its states, not its rows."""
SWEEPS = ("subscriptions.open_periods", "billing_runs.close", "rehearsals.run", "metering.fold")
_MAILED = text("SELECT body_text FROM mail_outbox WHERE body_text LIKE :path ORDER BY id DESC LIMIT 1")


@dataclass
class Walk:
    """What each page asked, by who looked and its address."""

    app: Flask
    asked: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def go(self, who: str, browser: FlaskClient, starts: list[str]) -> None:
        """Look at these addresses, and at what they lead to."""
        waiting, known, looks = deque(starts), set(starts), Counter[str]()
        while waiting:
            path = waiting.popleft()
            endpoint = self._find_endpoint(path)
            if endpoint is None or (looks[endpoint] >= A_ROUTE and path not in starts):
                continue
            looks[endpoint] += 1
            links = self.look(who, browser, path, endpoint)
            waiting.extend(link for link in links if link not in known)
            known.update(links)

    def look(self, who: str, browser: FlaskClient, path: str, endpoint: str) -> list[str]:
        """Ask for a page twice; where it leads to."""
        answer = browser.get(path)
        if answer.mimetype != "text/html":
            return []
        if answer.status_code == 200:
            with asked_inside() as asked:
                browser.get(path)
            self.asked[f"{who}: {path}"] = endpoint, asked
        return list(dict.fromkeys(html.unescape(each) for each in re.findall(r'href="(/[^"#]*)', answer.text)))

    def _find_endpoint(self, path: str) -> str | None:
        try:
            found: str = self.app.url_map.bind("").match(path.partition("?")[0])[0]
        except HTTPException:
            return None
        return None if found in NO_PAGES else found


@pytest.fixture(scope="module")
def walk(server: Path, stripe_server: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """All of them have walked."""
    business, wall = FixedClock(NOON), FixedClock(NOON)
    standin = stripe_server.reset(business, wall.at.timestamp)
    settings = {"instance": tmp_path_factory.mktemp("instance"), **stripe_server.stripe_settings()}
    with (
        own_database(server, "pages") as url,
        app_on(url, Clocks(business=business, wall=wall), **settings) as app,
        app.app_context(),
    ):
        done = app.test_cli_runner().invoke(demo, ["--json"])
        assert done.exit_code == 0, done.output
        scenario = Scenario(app, business, db.session(), lambda: standin, sweeps=SWEEPS)
        yield _walk(scenario)
        db.session.remove()


def _walk(scenario: Scenario) -> Walk:
    walk = Walk(scenario.app)
    bought, payer = _buy(scenario)
    plans = [f"/admin/plans/{_publish_twice(scenario).key}/move{rest}?from=1&to=2" for rest in ("", "/orgs")]
    more = {
        "staff": [*plans, _move(scenario, _publish_twice(scenario)), "/admin/plan-draft?plan=pro"],
        "high": [_invite(scenario)],
        "visitor": _sign_up(scenario),
    }
    for who in sorted({each.who for each in PAGES.values() if each.who}):
        user = scenario.session.scalars(select(User).where(User.email == f"{who}@demo.example")).one()
        browser = scenario.browser(user.id, list_org_choices(scenario.session, user.id)[0].id)
        walk.go(who, browser, [*(each.path for each in PAGES.values() if each.who == who), *more.get(who, ())])
    walk.go("visitor", scenario.client, [*(each.path for each in PAGES.values() if not each.who), *more["visitor"]])
    walk.go("payer", payer, [bought, "/billing", "/billing/upgrade/pro?interval=year", "/billing/cancel"])
    return walk


def _buy(scenario: Scenario) -> tuple[str, FlaskClient]:
    """Somebody pays for Pro; the address that they come back to, and their browser."""
    payer = scenario.org()
    with background_gateway():
        back = payer.at_checkout("pro").pays().location
        list(push_catalog(get_gateway(), scenario.clock.at))
    scenario.settle()
    assert back
    return urlsplit(back)._replace(scheme="", netloc="").geturl(), payer.browser()


def _publish_twice(scenario: Scenario) -> MadePlan:
    """A plan in two versions, with people on the first."""
    plan = scenario.plan(allowance=100, policy="charge")
    for _ in range(3):
        scenario.org().on(plan).uses(150, meter=plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
    factories.publish_again(scenario.session, plan, allowance=50, policy="charge")
    scenario.settle()
    return plan


def _move(scenario: Scenario, plan: MadePlan) -> str:
    """Staff move all of them; the address of the move."""
    newest, now = scenario.plan_named(plan.key).version_id, scenario.clock.at
    scenario.session.rollback()
    with transaction() as session:
        move = move_rows.start_move(
            session, plan.version_id, newest, "New prices", not_before=now, actor=SYSTEM, now=now
        )
        address = f"/admin/plan-moves/{move.id}"
    move_orgs()
    return address


def _invite(scenario: Scenario) -> str:
    """An owner invites somebody; the address that is mailed."""
    owner = scenario.org()
    assert send(owner.browser(), "/settings/members/invite", email="guest@example.com", role="viewer").status_code < 400
    return _mailed(scenario, "/invitations/")


def _sign_up(scenario: Scenario) -> list[str]:
    """Somebody signs up, and asks for another password: the page that follows, and the addresses that are mailed."""
    given = {"name": "Paula", "email": "paula@example.com", "password": "seven purple walruses"}
    assert send(scenario.client, "/sign-up", "/sign-up", **given).status_code < 400
    assert send(scenario.client, "/reset", "/reset", email="near@demo.example").status_code < 400
    return ["/sign-up/sent", _mailed(scenario, "/verify/"), _mailed(scenario, "/reset/")]


def _mailed(scenario: Scenario, path: str) -> str:
    scenario.session.rollback()
    body = scenario.session.scalar(_MAILED, {"path": f"%{path}%"})
    found = re.search(rf"{path}[\w-]+", body or "")
    assert found, f"no mail with {path}"
    return found[0]


@pytest.mark.slow
def test_no_page_asks_more_than_six_times(walk: Walk) -> None:
    above = {
        page: [f"{len(asked)} statements", *(" ".join(each.split())[:60] for each in asked)]
        for page, (endpoint, asked) in walk.asked.items()
        if len(asked) > ALLOWED.get(endpoint, (MOST, ""))[0]
    }
    assert above == {}


@pytest.mark.slow
def test_what_may_ask_more_does(walk: Walk) -> None:
    most = {name: max(len(asked) for of, asked in walk.asked.values() if of == name) for name in ALLOWED}
    assert most == {name: number for name, (number, _) in ALLOWED.items()}


@pytest.mark.slow
def test_every_page_was_looked_at(walk: Walk) -> None:
    pages = {rule.endpoint for rule in walk.app.url_map.iter_rules() if "GET" in (rule.methods or ())} - NO_PAGES
    assert pages - {endpoint for endpoint, _ in walk.asked.values()} == set()
