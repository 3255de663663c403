"""The door of the webhook: who is let in, and what is stored of what came in."""

from __future__ import annotations

import json
from datetime import timedelta
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.kit.clock import Clocks
from app.payments.webhooks.models import InboxEvent
from app.payments.webhooks.views import MAX_BYTES
from tests.scenario.webhook import event, post, sign
from tests.standin import StandIn
from tests.support.settings import make_settings
from tests.today import FixedClock


def stored(session: Session, event_id: str) -> int:
    session.rollback()
    return session.scalar(select(func.count()).where(InboxEvent.id == event_id)) or 0


def deliver(client: FlaskClient, body: bytes, header: str | None) -> int:
    return client.post(
        "/webhooks/stripe", data=body, headers={"Stripe-Signature": header} if header else {}
    ).status_code


def test_a_signed_event_is_stored_with_its_task(client: FlaskClient, session: Session) -> None:
    sent = event("customer.updated", {"id": "cus_x", "object": "customer"})
    assert post(client, json.dumps(sent).encode()).status_code == 200
    row = session.get_one(InboxEvent, sent["id"])
    assert (row.state, row.object_type, row.object_id, row.customer_id) == ("received", "customer", "cus_x", "cus_x")
    assert (row.source, row.attempts, row.livemode) == ("webhook", 0, False)
    task = "SELECT lock FROM procrastinate_jobs WHERE args ->> 'event_id' = %(id)s"
    assert session.connection().exec_driver_sql(task, {"id": sent["id"]}).scalars().all() == ["stripe:cus_x"]


@pytest.mark.parametrize("header", [None, "", "garbled", "t=,v1=", "t=1", "v1=abc", "t=x,v1=y", ",,,", "t=1,t=2,v1=a"])
def test_a_missing_empty_or_garbled_signature_is_refused(client: FlaskClient, session: Session, header: str) -> None:
    sent = event()
    assert deliver(client, json.dumps(sent).encode(), header) == 400
    assert not stored(session, sent["id"])


def test_another_secret_is_refused(client: FlaskClient, session: Session) -> None:
    sent = event()
    assert post(client, json.dumps(sent).encode(), secret="whsec_another").status_code == 400
    assert not stored(session, sent["id"])


def test_a_body_changed_by_one_byte_is_refused(client: FlaskClient, session: Session) -> None:
    sent = event()
    body = json.dumps(sent).encode()
    assert deliver(client, body.replace(b"plan_1", b"plan_2"), sign(body)) == 400
    assert not stored(session, sent["id"])


def test_the_same_json_written_anew_is_refused(client: FlaskClient, session: Session) -> None:
    sent = event()
    header = sign(json.dumps(sent).encode())
    assert deliver(client, json.dumps(sent, indent=1).encode(), header) == 400
    assert not stored(session, sent["id"])


@pytest.mark.parametrize("off", [301, -301], ids=["old", "ahead"])
def test_a_signature_off_by_more_than_300_s_is_refused(
    client: FlaskClient, session: Session, wall: FixedClock, off: int
) -> None:
    sent = event()
    body = json.dumps(sent).encode()
    assert post(client, body, at=wall.now() - timedelta(seconds=off)).status_code == 400
    assert not stored(session, sent["id"])
    assert post(client, body, at=wall.now() - timedelta(seconds=off * 299 / 301)).status_code == 200


def test_either_secret_passes_while_they_are_rolled(database: str, clocks: Clocks, wall: FixedClock) -> None:
    from app.factory import create_app

    settings = make_settings(
        database,
        **{**_SETTINGS, "stripe_webhook_secrets": ("whsec_of_old_12345", "whsec_of_new_12345")},
    )
    client = create_app(settings, clocks).test_client()
    body = json.dumps(event()).encode()
    for secret in settings.stripe_webhook_secrets:
        assert post(client, body, secret=secret).status_code == 200
    # Stripe signs with both while a secret is rolled: one v1 each.
    both = f"{sign(body, 'whsec_of_old_12345')},v1={sign(body, 'whsec_of_new_12345').partition('v1=')[2]}"
    assert deliver(client, body, both) == 200
    assert post(client, body, secret="whsec_of_nobody").status_code == 400


def test_one_good_v1_among_others_passes(client: FlaskClient) -> None:
    body = json.dumps(event()).encode()
    stamp, _, good = sign(body).partition(",")
    assert deliver(client, body, f"{stamp},v1={'0' * 64},{good}") == 200


def test_a_v0_signature_alone_is_refused(client: FlaskClient, session: Session) -> None:
    sent = event()
    body = json.dumps(sent).encode()
    assert deliver(client, body, sign(body).replace("v1=", "v0=")) == 400
    assert not stored(session, sent["id"])


@pytest.mark.parametrize("named", [True, False], ids=["with a length", "without a length"])
def test_a_body_over_1_mib_is_refused_unread(client: FlaskClient, named: bool) -> None:
    def size(padding: int) -> int:
        sent = event(about={"id": "x", "object": "plan", "padding": ""})
        bare = json.dumps(sent).encode()
        body = bare.replace(b'"padding": ""', b'"padding": "' + b"x" * (padding - len(bare)) + b'"')
        assert len(body) == padding
        if named:
            return post(client, body).status_code
        environ = {"wsgi.input_terminated": True, "HTTP_STRIPE_SIGNATURE": sign(body)}
        return client.post("/webhooks/stripe", input_stream=BytesIO(body), environ_overrides=environ).status_code

    assert size(MAX_BYTES + 1) == 413
    assert size(MAX_BYTES) == 200


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe\x00",
        b'{"id": "evt_\xff"}',
        b"",
        b"null",
        b"[]",
        b"{}",
        b"not json",
        b"[" * 100_000,
        b'{"id": "evt_1", "object": "v2.core.event", "type": "v1.billing.meter.no_meter_found"}',
        json.dumps(event(livemode=None)).encode(),
        json.dumps(event(id="cus_1")).encode(),
        json.dumps(event(data=[])).encode(),
        json.dumps(event(created="today")).encode(),
        json.dumps(event(created=10**30)).encode(),
    ],
)
def test_what_is_signed_and_no_event_is_refused(client: FlaskClient, body: bytes) -> None:
    assert post(client, body).status_code == 400


def test_text_that_the_database_does_not_take_is_stored_without_it(client: FlaskClient, session: Session) -> None:
    sent = event("customer.updated", {"id": "cus_n", "object": "customer", "nickname": "a\x00b", "x\x00": "y"})
    assert post(client, json.dumps(sent).encode()).status_code == 200
    assert session.get_one(InboxEvent, sent["id"]).body["data"]["object"]["nickname"] == "ab"
    assert post(client, json.dumps(event("a\x00b", account="\x00")).encode()).status_code == 200
    assert post(client, json.dumps(event(about={"name": "\ud800"})).encode()).status_code == 400


def test_the_door_asks_for_no_form_token_and_sets_no_cookie(client: FlaskClient) -> None:
    answer = post(client, json.dumps(event()).encode())
    assert (answer.status_code, answer.get_data(), answer.headers.get("Set-Cookie")) == (200, b"{}", None)
    assert client.get("/webhooks/stripe").status_code == 405


def test_secrets_and_page_addresses_are_not_stored(client: FlaskClient, session: Session) -> None:
    about = {
        "id": "cs_1",
        "object": "checkout.session",
        "url": "https://checkout.stripe.com/c/pay/CANARY",
        "client_secret": "CANARY_secret_CANARY",
        "payment_intent": {"object": "payment_intent", "client_secret": "pi_CANARY"},
        "hosted_invoice_url": "https://invoice.stripe.com/i/CANARY",
        "invoice_pdf": "https://pay.stripe.com/CANARY/pdf",
        "charges": {"data": [{"receipt_url": "https://pay.stripe.com/receipts/CANARY"}]},
        "next_action": {"redirect_to_url": {"url": "https://hooks.stripe.com/CANARY"}},
        "amount_total": 1000,
    }
    sent = event("checkout.session.completed", about)
    sent["data"]["previous_attributes"] = {"url": "https://checkout.stripe.com/CANARY"}
    assert post(client, json.dumps(sent).encode()).status_code == 200
    body = session.get_one(InboxEvent, sent["id"]).body
    assert "CANARY" not in json.dumps(body)
    assert body["data"]["object"]["url"] == "[removed]"
    assert body["data"]["object"]["amount_total"] == 1000


@pytest.mark.slow
def test_a_database_that_is_away_has_stripe_send_it_again(clocks: Clocks, wall: FixedClock) -> None:
    from app.factory import create_app

    gone = create_app(make_settings("postgresql://nobody@127.0.0.1:1/nothing", **_SETTINGS), clocks)
    answer = post(gone.test_client(), json.dumps(event()).encode(), secret=StandIn.secret)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert b"nobody" not in answer.get_data()  # the driver's words are in no answer
    gone.extensions["tollkeeper"].pool.close()


_SETTINGS = {
    "stripe_secret_key": StandIn.key,
    "stripe_api_base": "http://127.0.0.1:9",
    "stripe_webhook_secrets": (StandIn.secret,),
}
