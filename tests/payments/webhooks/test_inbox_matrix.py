"""The inbox, line by line of what can come: unknown, foreign, double, disordered, broken."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from app.audit.models import AuditEntry
from app.kit.actor import SYSTEM
from app.payments import queries
from app.payments.locks import org_lock
from app.payments.tasks import resolve_pending_payments
from app.payments.webhooks import inbox
from app.payments.webhooks.apply import TRIES, apply_event
from app.payments.webhooks.handlers import HANDLERS, IGNORED
from app.payments.webhooks.models import InboxEvent
from app.subscriptions.models import Subscription, SubscriptionEvent
from app.web.database import transaction
from app.web.runtime import business_now, runtime, wall_now
from tests.factories import allow_any_change
from tests.scenario import Scenario, queue
from tests.scenario.webhook import event, post
from tests.standin import StandIn
from tests.support.copy import copy


def about(standin: StandIn, kind: str, object_: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An event of an object as it is now, that the stand-in did not send."""
    return event(kind, json.loads(json.dumps(object_)), **more)


def paid_subscription(scenario: Scenario) -> tuple[Any, dict[str, Any]]:
    """An org, and the subscription as Stripe has it; nothing of it was heard yet."""
    scenario.stripe.hold()
    org = scenario.org().buys(returns=False)
    return org, scenario.stripe.objects("subscription")[0]


def test_an_unknown_type_is_stored_and_ignored_with_the_reason(scenario: Scenario) -> None:
    sent = event("treasury.something.new", {"id": "x_1", "object": "treasury.x"})
    assert scenario.send(sent) == 200
    scenario.work()
    row = scenario.inbox(sent["id"])
    assert (row.state, row.error) == ("ignored", copy("payments.not_ours"))


def test_a_noted_type_is_ignored_with_its_own_reason(scenario: Scenario) -> None:
    sent = event("invoice.upcoming", {"object": "invoice", "customer": "cus_1"})
    assert scenario.send(sent) == 200
    scenario.work()
    assert "preview" in (scenario.inbox(sent["id"]).error or "")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"livemode": True}, "live mode"),
        ({"account": "acct_of_another"}, "another account"),
        ({"api_version": "2020-08-27"}, "2020-08-27"),
        ({"api_version": None}, "none"),
    ],
    ids=["mode", "account", "version", "no version"],
)
def test_an_event_of_another_mode_account_or_version_is_stored_and_not_applied(
    scenario: Scenario, wrong: dict[str, Any], words: str
) -> None:
    org, subscription = paid_subscription(scenario)
    sent = about(scenario.stripe, "customer.subscription.created", subscription, **wrong)
    assert scenario.send(sent) == 200
    scenario.work()
    row = scenario.inbox(sent["id"])
    assert row.state == "refused"
    assert words in (row.error or "")
    assert org.mirror is None


def refund_in_another_version(scenario: Scenario) -> tuple[Any, dict[str, Any]]:
    """A payment that was refunded, and the event about it as an endpoint of another version sends it: refused."""
    org = scenario.org().paying()
    v1, paid = scenario.stripe.client().v1, org.record.transaction_id
    made = v1.refunds.create({"payment_intent": str(paid)})
    [sent] = scenario.stripe.events("refund.created")
    scenario.stripe.lose()
    assert made.status == "succeeded"
    other = {**sent, "api_version": "2020-08-27"}
    assert scenario.send(other) == 200
    scenario.work()
    assert (scenario.inbox(sent["id"]).state, org.record.state) == ("refused", "completed")
    return org, sent


def test_a_replay_of_an_event_that_was_refused_for_its_version_judges_it_anew(scenario: Scenario) -> None:
    """P6: the endpoint was mended, and Stripe sends nothing again by itself."""
    org, sent = refund_in_another_version(scenario)
    inbox.reopen(scenario.session, sent["id"], actor=SYSTEM, now=business_now())
    scenario.session.commit()
    scenario.work()
    assert (scenario.inbox(sent["id"]).state, org.record.state) == ("applied", "refunded")


def test_an_event_that_was_refused_and_comes_again_in_a_right_form_is_applied(scenario: Scenario) -> None:
    org, sent = refund_in_another_version(scenario)
    assert scenario.send({**sent, "api_version": "2019-01-01"}) == 200
    scenario.work()
    assert scenario.inbox(sent["id"]).state == "refused"
    assert scenario.send(sent) == 200
    scenario.work()
    assert (scenario.inbox(sent["id"]).state, org.record.state) == ("applied", "refunded")


def test_an_event_of_another_mode_stays_refused_when_it_is_replayed(scenario: Scenario) -> None:
    _, subscription = paid_subscription(scenario)
    sent = about(scenario.stripe, "customer.subscription.created", subscription, livemode=True)
    assert scenario.send(sent) == 200
    scenario.work()
    inbox.reopen(scenario.session, sent["id"], actor=SYSTEM, now=business_now())
    scenario.session.commit()
    scenario.work()
    assert scenario.inbox(sent["id"]).state == "refused"


def test_an_event_of_an_unknown_customer_is_tried_again_and_parked(scenario: Scenario) -> None:
    theirs = scenario.stripe.client().v1.customers.create({"email": "x@example.com"})
    sent = about(scenario.stripe, "customer.updated", theirs.to_dict())
    assert scenario.send(sent) == 200
    apply_event(sent["id"])
    row = scenario.inbox(sent["id"])
    assert (row.state, row.attempts, row.settled_at) == ("received", 1, None)
    assert copy("payments.no_org") in (row.error or "")
    again = text("SELECT min(scheduled_at) FROM procrastinate_jobs WHERE args ->> 'event_id' = :id")
    pause = scenario.session.scalar(again, {"id": sent["id"]}) - wall_now()
    assert pause == timedelta(seconds=10)
    for _ in range(TRIES - 1):
        apply_event(sent["id"])
    assert (scenario.inbox(sent["id"]).state, scenario.inbox(sent["id"]).attempts) == ("parked", TRIES)


@pytest.mark.slow
def test_a_refund_of_a_payment_that_is_not_ours_settles(scenario: Scenario) -> None:
    """Somebody charged our customer by hand: its customer is known, and no record of ours will ever be."""
    org = scenario.org().paying()
    theirs = scenario.stripe.objects("payment_intent")[0]
    record = org.record
    allow_any_change(scenario.session)
    record.transaction_id = "pi_of_nobody"
    scenario.session.commit()
    sent = about(
        scenario.stripe, "refund.created",
        {"id": "re_1", "object": "refund", "payment_intent": theirs["id"], "customer": theirs["customer"]},
    )  # fmt: skip
    assert scenario.send(sent) == 200
    scenario.work()
    assert scenario.inbox(sent["id"]).state == "failed"
    resolve_pending_payments()
    scenario.work()
    assert scenario.inbox(sent["id"]).attempts == TRIES  # no sweep begins it again


def test_a_refund_of_a_charge_without_a_payment_intent_is_not_ours_and_stripe_is_not_asked(scenario: Scenario) -> None:
    scenario.org().paying()
    [customer] = scenario.stripe.objects("customer")
    charge = {"id": "ch_old", "object": "charge", "payment_intent": None, "customer": customer["id"]}
    sent = about(scenario.stripe, "charge.refunded", charge)
    assert scenario.send(sent) == 200
    asked = len(scenario.stripe.calls)
    apply_event(sent["id"])
    assert "UnknownPayment" in (scenario.inbox(sent["id"]).error or "")
    assert len(scenario.stripe.calls) == asked


def test_a_parked_event_is_applied_once_its_customer_is_known(scenario: Scenario) -> None:
    org, subscription = paid_subscription(scenario)
    unmarked = {**subscription, "metadata": {}, "customer": "cus_unknown"}
    sent = about(scenario.stripe, "customer.subscription.updated", unmarked)
    assert scenario.send(sent) == 200
    scenario.work()
    assert scenario.inbox(sent["id"]).state == "parked"
    row = scenario.inbox(sent["id"])
    row.customer_id = subscription["customer"]  # what it was about has become ours
    scenario.session.commit()
    resolve_pending_payments()
    scenario.work()
    assert scenario.inbox(sent["id"]).state == "applied"
    assert org.mirror is not None


def test_one_retried_event_holds_up_no_other_of_its_customer(scenario: Scenario) -> None:
    sent = event("customer.updated", {"id": "cus_nobodys", "object": "customer"})
    assert scenario.send(sent) == 200
    assert queue.take(scenario.app, "payments.apply").args == {"event_id": sent["id"]}
    apply_event(sent["id"])
    waiting = "SELECT lock FROM procrastinate_jobs WHERE status = 'todo' AND args ->> 'event_id' = :id"
    assert scenario.session.execute(text(waiting), {"id": sent["id"]}).scalars().all() == [None]


def test_fifty_deliveries_at_once_make_one_row_and_one_effect(scenario: Scenario, app: Flask) -> None:
    org, subscription = paid_subscription(scenario)
    body = json.dumps(about(scenario.stripe, "customer.subscription.created", subscription)).encode()
    event_id = json.loads(body)["id"]
    with ThreadPoolExecutor(16) as pool:
        answers = Counter(pool.map(lambda _: post(app.test_client(), body).status_code, range(50)))
    assert answers == {200: 50}
    jobs = text("SELECT count(*) FROM procrastinate_jobs WHERE args ->> 'event_id' = :id")
    assert scenario.session.scalar(jobs, {"id": event_id}) == 1

    def work(_: int) -> None:
        with app.app_context():
            apply_event(event_id)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    row = scenario.inbox(event_id)
    assert (row.state, row.org_id) == ("applied", org.id)
    ours = select(func.count()).select_from(Subscription).where(Subscription.org_id == org.id)
    assert scenario.session.scalar(ours) == 1
    started = select(func.count()).where(SubscriptionEvent.org_id == org.id, SubscriptionEvent.kind == "started")
    assert scenario.session.scalar(started) == 1


def test_an_updated_before_its_created_ends_as_in_order(scenario: Scenario) -> None:
    org, subscription = paid_subscription(scenario)
    for kind in ("customer.subscription.updated", "customer.subscription.created"):
        sent = about(scenario.stripe, kind, {**subscription, "status": "incomplete"})  # what it says does not count
        assert scenario.send(sent) == 200
        scenario.work()
        assert scenario.inbox(sent["id"]).state == "applied"
    mirror = org.mirror
    assert mirror is not None
    assert mirror.status == "active"


def test_a_late_updated_after_deleted_opens_nothing_again(scenario: Scenario) -> None:
    org, subscription = paid_subscription(scenario)
    before = about(scenario.stripe, "customer.subscription.updated", subscription)
    scenario.stripe.release()
    org.returns()
    scenario.stripe.lose()
    scenario.stripe.client().v1.subscriptions.cancel(subscription["id"])
    scenario.settle()
    assert scenario.send(before) == 200
    scenario.work()
    assert scenario.inbox(before["id"]).state == "applied"
    mirror = org.mirror
    assert mirror is not None
    assert (mirror.status, mirror.ended_at is None) == ("canceled", False)
    assert queries.find_open_subscription(scenario.session, org.id) is None


def test_invoice_paid_before_checkout_completed_gives_the_plan_once(scenario: Scenario) -> None:
    org, _ = paid_subscription(scenario)
    invoice = scenario.stripe.objects("invoice")[0]
    session_ = scenario.stripe.objects("checkout.session")[0]
    first = about(scenario.stripe, "invoice.paid", invoice)
    assert scenario.send(first) == 200
    scenario.work()
    assert org.record.state == "completed"
    assert org.mirror is not None
    assert scenario.send(about(scenario.stripe, "checkout.session.completed", session_)) == 200
    scenario.work()
    assert queries.get_checkout(scenario.session, org.id, org.checkout_id).state == "completed"
    assert len(org.records) == 1
    assert org.record.invoice_id == invoice["id"]


def test_a_handler_that_fails_keeps_its_error_and_can_be_replayed(scenario: Scenario) -> None:
    org, subscription = paid_subscription(scenario)
    v1, other = scenario.stripe.client().v1, scenario.org()
    v1.subscriptions.update(subscription["id"], {"metadata": {"tollkeeper_org": str(other.id)}})
    sent = about(scenario.stripe, "customer.subscription.created", subscription)
    assert scenario.send(sent) == 200
    apply_event(sent["id"])
    assert (scenario.inbox(sent["id"]).state, scenario.inbox(sent["id"]).attempts) == ("received", 1)
    scenario.work()
    row = scenario.inbox(sent["id"])
    assert (row.state, row.attempts) == ("failed", TRIES)
    assert "NotOurs" in (row.error or "")
    assert org.mirror is None
    v1.subscriptions.update(subscription["id"], {"metadata": {"tollkeeper_org": str(org.id)}})
    inbox.reopen(scenario.session, sent["id"], actor=SYSTEM, now=business_now())
    scenario.session.commit()
    scenario.work()
    row = scenario.inbox(sent["id"])
    assert (row.state, row.attempts, row.error) == ("applied", 1, None)
    assert org.mirror is not None
    audited = select(AuditEntry.after).where(AuditEntry.object_id == sent["id"])
    assert scenario.session.scalars(audited).all() == [{"state": "received"}]


def test_an_event_is_tried_on_for_as_long_as_stripe_is_away(scenario: Scenario) -> None:
    org, subscription = paid_subscription(scenario)
    sent = about(scenario.stripe, "customer.subscription.created", subscription)
    assert scenario.send(sent) == 200
    for tried in range(1, TRIES + 1):
        scenario.stripe.fail("500")
        apply_event(sent["id"])
        row = scenario.inbox(sent["id"])
        assert (row.state, row.attempts) == ("received", tried)
        assert "StripeAway" in (row.error or "")
        if tried == 4:
            break  # a fifth would open the circuit
    apply_event(sent["id"])
    assert scenario.inbox(sent["id"]).state == "applied"
    assert org.mirror is not None


@pytest.mark.slow
def test_the_task_of_an_event_that_a_killed_worker_lost_is_put_back(scenario: Scenario) -> None:
    sent = event()
    assert scenario.send(sent) == 200
    assert queue.take(scenario.app, "payments.apply").args == {"event_id": sent["id"]}  # and the worker is gone
    resolve_pending_payments()
    assert scenario.work() == 0
    scenario.later(minutes=6)
    resolve_pending_payments()
    scenario.work()
    assert scenario.inbox(sent["id"]).state == "ignored"


def test_two_events_of_one_change_have_one_effect(scenario: Scenario) -> None:
    org, _ = paid_subscription(scenario)
    invoice = scenario.stripe.objects("invoice")[0]
    for kind in ("invoice.paid", "invoice.payment_succeeded", "invoice.updated", "invoice.finalized"):
        assert scenario.send(about(scenario.stripe, kind, invoice)) == 200
    scenario.work()
    assert [(each.state, each.amount) for each in org.records] == [("completed", 1000)]
    receipts = text("SELECT count(*) FROM mail_outbox WHERE key LIKE 'payment_received:%' || :record || '%'")
    assert scenario.session.scalar(receipts, {"record": str(org.record.id)}) == 1


def work_on(app: Flask, event_id: str) -> None:
    """Apply an event as a worker's thread does."""
    with app.app_context():
        apply_event(event_id)


@pytest.mark.usefixtures("brief_lock_wait")
@pytest.mark.slow
def test_an_event_of_an_org_waits_while_another_works_on_it(scenario: Scenario, app: Flask) -> None:
    org, subscription = paid_subscription(scenario)
    sent = about(scenario.stripe, "customer.subscription.created", subscription)
    assert scenario.send(sent) == 200

    with ThreadPoolExecutor(1) as pool, org_lock(org.id):
        assert not runtime().settings.is_background  # a page gives up, which is then tried again
        pool.submit(work_on, app, sent["id"]).result()
    assert "Busy" in (scenario.inbox(sent["id"]).error or "")
    work_on(app, sent["id"])
    assert scenario.inbox(sent["id"]).state == "applied"


@pytest.mark.usefixtures("brief_lock_wait")
@pytest.mark.slow
def test_a_try_that_comes_to_nothing_leaves_alone_what_another_has_settled_meanwhile(
    scenario: Scenario, app: Flask
) -> None:
    org, subscription = paid_subscription(scenario)
    sent = about(scenario.stripe, "customer.subscription.created", subscription)
    assert scenario.send(sent) == 200

    blocked = text(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
        " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
    )
    with ThreadPoolExecutor(1) as pool, org_lock(org.id):
        late = pool.submit(work_on, app, sent["id"])
        while not late.done() and not scenario.session.scalar(blocked):
            scenario.session.rollback()
        scenario.session.rollback()
        with transaction() as session:
            inbox.record_outcome(session, sent["id"], "applied", now=business_now())
        late.result()
    row = scenario.inbox(sent["id"])
    assert (row.state, row.attempts, row.error) == ("applied", 1, None)


def test_what_waits_or_needs_a_person_is_counted_by_state(scenario: Scenario) -> None:
    before = inbox.count_unsettled(scenario.session)
    for kind in ("plan.created", "customer.updated", "customer.updated"):
        assert scenario.send(event(kind, {"id": "cus_of_nobody", "object": "customer"})) == 200
    scenario.session.rollback()
    assert inbox.count_unsettled(scenario.session).get("received", 0) == before.get("received", 0) + 3
    scenario.work()  # one is ignored, which needs nobody
    scenario.session.rollback()
    after = inbox.count_unsettled(scenario.session)
    assert (after.get("parked", 0), "ignored" in after) == (before.get("parked", 0) + 2, False)


@pytest.mark.slow
def test_nothing_secret_is_left_in_rows_or_logs(scenario: Scenario, capfd: pytest.CaptureFixture[str]) -> None:
    org = scenario.org().buys(returns=False)
    url = org.opened[-1].url
    scenario.settle()
    scenario.stripe.fail("500")
    org.returns()
    bodies = scenario.session.scalars(select(InboxEvent.body).where(InboxEvent.org_id == org.id)).all()
    assert bodies
    said = "".join(json.dumps(each) for each in bodies) + "".join(capfd.readouterr())
    tables = ("checkouts", "billing_records", "stripe_customers", "stripe_subscriptions", "stripe_inbox",
              "audit_entries", "procrastinate_jobs", "mail_outbox")  # fmt: skip
    for table in tables:
        rows = scenario.session.execute(text(f"SELECT t::text FROM {table} t")).scalars()
        said += "".join(rows)
    secrets = [url, url.rpartition("/")[2], scenario.stripe.secret, scenario.stripe.key]
    secrets += [
        each["client_secret"] for each in scenario.stripe.objects("payment_intent") if each.get("client_secret")
    ]
    secrets += [each["hosted_invoice_url"] for each in scenario.stripe.objects("invoice")]
    assert [each for each in secrets if each and each != org.session_id() and each in said] == []


def test_nothing_of_a_person_is_left_in_the_inbox(scenario: Scenario) -> None:
    """Erasing somebody has nothing to look for in there: it is never kept."""
    org = scenario.org().paying()
    theirs = scenario.stripe.objects("customer")[0]
    private: Any = {
        "name": "Ada Quill", "email": "ada.quill@example.com", "phone": "+49305550199",
        "address": {"line1": "Rosenweg 7", "line2": "II", "city": "Berlin", "postal_code": "10115", "state": "BE",
                    "country": "DE"},
    }  # fmt: skip
    was = [theirs["email"], theirs["name"]]
    scenario.stripe.client().v1.customers.update(theirs["id"], private)
    scenario.stripe.client().v1.customers.update(theirs["id"], {"email": "new@example.com"})  # previous_attributes too
    scenario.settle()
    bodies = scenario.session.scalars(select(InboxEvent.body).where(InboxEvent.org_id == org.id)).all()
    said = "".join(json.dumps(each) for each in bodies)
    assert "customer.updated" in said
    private_words = ["Ada Quill", "ada.quill", "0555", "Rosenweg", "new@example.com", *filter(None, was)]
    assert [each for each in private_words if each in said] == []
    mirror = queries.find_customer(scenario.session, org.id)
    assert mirror is not None
    assert mirror.email == "new@example.com"  # applied all the same


def test_every_type_that_stripe_may_send_us_has_its_row() -> None:
    asked_for = """
        checkout.session: completed async_payment_succeeded async_payment_failed expired
        customer: created updated deleted
        customer.subscription: created updated deleted paused resumed trial_will_end pending_update_applied
            pending_update_expired
        subscription_schedule: updated released canceled completed aborted
        invoice: upcoming created updated finalized finalization_failed paid payment_failed payment_action_required
            overdue voided marked_uncollectible
        invoice_payment: paid
        payment_intent: succeeded payment_failed
        setup_intent: succeeded
        payment_method: attached detached updated automatically_updated
        refund: created updated failed
        charge: refunded
        credit_note: created updated voided
        charge.dispute: created updated closed funds_withdrawn funds_reinstated
        radar.early_fraud_warning: created
        price: created updated deleted
        product: created updated deleted
    """
    object_type, types = "", []
    for word in asked_for.split():
        if word.endswith(":"):
            object_type = word[:-1]
        else:
            types.append(f"{object_type}.{word}")
    assert [each for each in types if (each in HANDLERS) == (each in IGNORED)] == []
