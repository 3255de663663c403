"""Stripe's events for staff: found, shown whole, applied again; and what an org's page says of its payments."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.catalog.queries import find_newest_version
from app.kit.ids import new_id
from app.payments.models import BillingRecord, StripeCustomer, StripePrice, StripeSubscription
from app.payments.webhooks import inbox_queries as inbox
from app.payments.webhooks.models import INBOX_STATES, InboxEvent
from app.web.database import transaction
from tests import factories
from tests.admin.test_pages import press, read
from tests.pages import text_of
from tests.scenario import Scenario
from tests.support.copy import copy
from tests.today import WRITTEN


@dataclass
class Desk:
    """The scenario with what came from Stripe."""

    scenario: Scenario

    def customer(self, org_id: UUID, **fields: Any) -> str:
        name = factories.unique("cus").replace("-", "_")
        with self.scenario.app.app_context(), transaction() as session:
            row = StripeCustomer(id=name, org_id=org_id, email="a@example.com", delinquent=False, card_id=None,
                                 card_brand="visa", card_last4="4242", card_exp_month=4, card_exp_year=2031,
                                 created_at=WRITTEN, deleted_at=None, retrieved_at=WRITTEN)  # fmt: skip
            for key, value in fields.items():
                setattr(row, key, value)
            session.add(row)
        return name

    def event(self, at: datetime = WRITTEN, **fields: Any) -> str:
        name = factories.unique("evt").replace("-", "_")
        with self.scenario.app.app_context(), transaction() as session:
            values = {
                "id": name, "type": "invoice.paid", "api_version": "2026-10-28.endive", "livemode": False,
                "account": None, "object_type": "invoice", "object_id": f"in_{name}", "customer_id": None,
                "org_id": None, "state": "applied", "attempts": 1, "error": None, "source": "webhook",
                "body": {"id": name}, "created_at": at, "received_at": at, "settled_at": at,
            }  # fmt: skip
            session.add(InboxEvent(**(values | fields)))
        return name

    def tasks(self, event_id: str) -> int:
        with self.scenario.app.app_context():
            asked = "SELECT count(*) FROM procrastinate_jobs WHERE args ->> 'event_id' = :id"
            return int(self.scenario.session.scalar(text(asked), {"id": event_id}) or 0)


@pytest.fixture
def desk(scenario: Scenario) -> Desk:
    return Desk(scenario)


def listed(browser: FlaskClient, query: str) -> str:
    return read(browser, f"/admin/inbox?{query}")


@pytest.mark.parametrize("path", ["/admin/inbox", "/admin/inbox/evt_none"])
def test_nobody_else_finds_the_inbox(scenario: Scenario, path: str) -> None:
    assert scenario.org().browser().get(path).status_code == 404
    assert scenario.app.test_client().get(path).status_code == 303


@pytest.mark.parametrize("state", INBOX_STATES)
def test_events_are_found_by_their_state(desk: Desk, state: str) -> None:
    kind = f"{factories.unique('kind').replace('-', '_')}.updated"  # a page shows fifty, and other tests have theirs
    another = next(each for each in INBOX_STATES if each != state)
    mine, other = desk.event(state=state, type=kind), desk.event(state=another, type=kind)
    page = listed(desk.scenario.staff(), f"state={state}&type={kind}")
    assert mine in page
    assert other not in page


def test_events_are_found_by_id_customer_object_org_and_type(desk: Desk) -> None:
    org = desk.scenario.org(name=factories.unique("Payer"))
    customer = desk.customer(org.id)
    kind = factories.unique("kind").replace("-", "_")
    mine = desk.event(type=f"{kind}.updated", customer_id=customer)
    by_org = desk.event(org_id=org.id)
    other = desk.event()
    staff = desk.scenario.staff()
    for query in (
        f"q={mine}",
        f"q={customer}",
        f"q=in_{mine}",
        f"q={org.id}",
        f"type={kind}.",
        f"type={kind}.updated",
    ):
        page = listed(staff, query)
        assert mine in page, query
        assert other not in page, query
    assert by_org in listed(staff, f"q={org.id}")
    assert f'href="/admin/orgs/{org.id}"' in listed(staff, f"q={mine}")


def test_a_long_type_breaks_where_its_words_end(desk: Desk) -> None:
    mine = desk.event(type="invoice.payment_succeeded")
    assert "invoice.<wbr>payment_<wbr>succeeded</a>" in text_of(desk.scenario.staff().get(f"/admin/inbox?q={mine}"))


@pytest.mark.parametrize("query", ["q=%27+OR+1%3D1", "q=%00", "q=evt_none", "type=%25", "type=x+y", "next=garbage",
                                   "state=none&q=nothing", "next=WyIyMDI2LTExLTIxVDEyOjAwOjAwIiwiZXZ0Il0"])  # fmt: skip
def test_an_address_that_makes_no_sense_still_shows_the_inbox(desk: Desk, query: str) -> None:
    desk.event()
    listed(desk.scenario.staff(), query)


def test_events_are_paged_the_last_received_first(desk: Desk) -> None:
    kind = factories.unique("paged").replace("-", "_")
    names = [desk.event(WRITTEN + timedelta(seconds=number // 2), type=kind) for number in range(53)]
    staff = desk.scenario.staff()
    first = listed(staff, f"type={kind}")
    assert names[52] in first
    assert names[0] not in first
    following = re.search(r'href="(/admin/inbox\?[^"]*next=[^"]+)"[^>]*rel="next"', first)
    assert following is not None
    second = read(staff, following[1])
    shown = [name for page in (first, second) for name in re.findall(r'href="/admin/inbox/(evt_\w+)"', page)]
    assert sorted(shown) == sorted(names)


def test_the_numbers_are_those_of_each_state(desk: Desk) -> None:
    with desk.scenario.app.app_context():
        before = inbox.count_events(desk.scenario.session, WRITTEN)
    desk.event(state="failed", at=WRITTEN - timedelta(days=90))
    desk.event(state="applied", at=WRITTEN - timedelta(days=90))
    desk.event(state="applied")
    with desk.scenario.app.app_context(), desk.scenario.statements() as asked:
        after = inbox.count_events(desk.scenario.session, WRITTEN)
    assert len(asked) == 1
    assert {state: after[state] - before[state] for state in INBOX_STATES} == {
        "received": 0, "applied": 1, "ignored": 0, "refused": 0, "parked": 0, "failed": 1,
    }  # fmt: skip
    assert f"Failed {after['failed']:,}" in listed(desk.scenario.staff(), "")


def test_an_event_is_shown_with_its_error_and_its_body_as_text(desk: Desk) -> None:
    body = {"data": {"object": {"name": "<script>alert(1)</script>", "city": "Åre"}}, "id": "evt"}
    mine = desk.event(state="failed", attempts=5, error="StripeAway: <b>no answer</b>", body=body)
    answer = desk.scenario.staff().get(f"/admin/inbox/{mine}").get_data(as_text=True)
    assert "<script>alert" not in answer
    assert "<b>no answer" not in answer
    shown = html.unescape(answer)
    assert "StripeAway: <b>no answer</b>" in shown
    assert json.dumps(body, indent=2, ensure_ascii=False, sort_keys=True) in shown


@pytest.mark.parametrize("name", ["evt_none", "%00", "evt%27--", "x" * 300])
def test_an_unknown_event_is_not_found(desk: Desk, name: str) -> None:
    assert desk.scenario.staff().get(f"/admin/inbox/{name}").status_code == 404


def test_an_event_is_applied_again_by_a_press_which_stands_in_the_audit_chain(desk: Desk) -> None:
    org = desk.scenario.org()
    customer = desk.customer(org.id)
    mine = desk.event(state="failed", attempts=5, error="gone wrong", customer_id=customer, org_id=org.id)
    staff = desk.scenario.staff()
    status, _ = press(staff, f"/admin/inbox/{mine}", f"/admin/inbox/{mine}/replay")
    assert status == 303
    page = read(staff, f"/admin/inbox/{mine}")
    assert copy("admin.queued") in page
    assert "Received" in page
    assert desk.tasks(mine) == 1
    assert "Stripe event replayed" in read(staff, f"/admin/orgs/{org.id}")


def test_a_press_without_its_token_and_of_an_unknown_event_does_nothing(desk: Desk) -> None:
    mine = desk.event(state="failed")
    staff = desk.scenario.staff()
    assert staff.post(f"/admin/inbox/{mine}/replay").status_code == 403
    assert desk.tasks(mine) == 0
    assert press(staff, f"/admin/inbox/{mine}", "/admin/inbox/evt_none/replay")[0] == 404


def test_the_page_of_an_org_shows_its_payments(desk: Desk) -> None:
    org = desk.scenario.org()
    staff = desk.scenario.staff()
    assert "Billing records" not in read(staff, f"/admin/orgs/{org.id}")
    customer = desk.customer(org.id, card_brand="american_express")
    mine = desk.event(customer_id=customer, state="failed", error="gone wrong")
    subscription = _subscribe(desk, org.id, customer)
    page = read(staff, f"/admin/orgs/{org.id}")
    for words in (customer, subscription, copy("admin.card", last4="4242", month="04/2031"), "Payment due", "$49.00",
                  "pi_shown", "Your card was declined.", mine, "gone wrong"):  # fmt: skip
        assert words in page, words


def _subscribe(desk: Desk, org_id: UUID, customer: str) -> str:
    name = factories.unique("sub").replace("-", "_")
    with desk.scenario.app.app_context(), transaction() as session:
        version = find_newest_version(session, "pro")
        assert version is not None
        price = session.query(StripePrice).filter_by(plan_version_id=version.id, interval="month").first()
        if price is None:
            price = StripePrice(id="price_shown", plan_version_id=version.id, interval="month", currency="USD",
                                amount=4900, product_id="prod", lookup_key="shown", pushed_at=WRITTEN)  # fmt: skip
            session.add(price)
        session.flush()
        session.add(StripeSubscription(
            id=name, org_id=org_id, customer_id=customer, subscription_id=None, status="past_due", item_id="si",
            price_id=price.id, period_start=WRITTEN, period_end=WRITTEN + timedelta(days=30), anchor_at=WRITTEN,
            cancel_at=None, cancel_at_period_end=False, latest_invoice_id=None, created_at=WRITTEN, ended_at=None,
            retrieved_at=WRITTEN,
        ))  # fmt: skip
        session.add(BillingRecord(
            id=new_id(), org_id=org_id, state="failed", reason="subscription_renewal", description="Pro, monthly",
            amount=4900, refunded=0, currency="USD", checkout_id=None, invoice_id=name, transaction_id="pi_shown",
            card_brand="visa", card_last4="4242", failure_code="card_declined", failure="Your card was declined.",
            created_at=WRITTEN, settled_at=WRITTEN,
        ))  # fmt: skip
    return name


@pytest.mark.parametrize("path", ["/admin/inbox", "/admin/inbox?state=failed&type=invoice.", "/admin/inbox?q={org}",
                                  "/admin/inbox/{event}", "/admin/orgs/{org}"])  # fmt: skip
def test_each_page_asks_the_database_little(desk: Desk, path: str) -> None:
    org, staff = desk.scenario.org().with_period(), desk.scenario.staff()
    mine = desk.event(customer_id=desk.customer(org.id), state="failed")
    read(staff, path.format(org=org.id, event=mine))  # the first look of an hour is audited
    with desk.scenario.statements() as asked:
        read(staff, path.format(org=org.id, event=mine))
    assert len(asked) <= (10 if "/orgs/" in path else 3), asked


def call(desk: Desk, path: str, *scopes: str, method: str = "GET") -> Any:
    headers = desk.scenario.api(*(scopes or ("admin:read",)))
    return desk.scenario.app.test_client().open(f"/api/v1{path}", method=method, headers=headers)


def test_the_api_lists_events_by_cursor(desk: Desk) -> None:
    kind = factories.unique("called").replace("-", "_")
    names = [desk.event(WRITTEN + timedelta(seconds=number), type=kind) for number in range(5)]
    found: list[str] = []
    position = ""
    while True:
        page = call(desk, f"/admin/inbox?type={kind}&limit=2{position}").get_json()
        found += [each["id"] for each in page["events"]]
        assert set(page["counts"]) == set(INBOX_STATES)
        if page["next"] is None:
            break
        position = f"&next={page['next']}"
    assert found == names[::-1]


def test_the_api_gives_no_body_and_takes_no_cursor_of_others(desk: Desk) -> None:
    mine = desk.event(body={"secret": "in the body"})
    answer = call(desk, f"/admin/inbox?search={mine}")
    assert answer.get_json()["events"][0]["object_id"] == f"in_{mine}"
    assert "in the body" not in answer.text
    assert call(desk, "/admin/inbox?next=WyJ4IiwieSJd").get_json()["code"] == "invalid_request"
    assert call(desk, "/admin/inbox?state=lost").status_code == 400


def test_the_api_applies_an_event_again(desk: Desk) -> None:
    mine = desk.event(state="parked")
    refused = call(desk, f"/admin/inbox/{mine}/replay", method="POST")
    assert (refused.status_code, refused.get_json()["code"]) == (403, "scope_missing")
    done = call(desk, f"/admin/inbox/{mine}/replay", "admin:write", method="POST")
    assert (done.status_code, done.get_json()) == (200, {"id": mine, "state": "received"})
    assert desk.tasks(mine) == 1
    assert call(desk, "/admin/inbox/evt_none/replay", "admin:write", method="POST").status_code == 404
