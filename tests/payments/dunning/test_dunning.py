"""A failed renewal on the business clock: mails on day 0, 3, 5 and 7, the limits on day 7, and payment ends it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.models import Org
from app.kit.ids import new_id
from app.payments import tasks
from app.payments.dunning import emails, schedule
from app.payments.dunning.models import Dunning
from app.payments.models import BillingRecord, StripeCustomer, StripeInvoice, StripePrice, StripeSubscription
from app.subscriptions import queries
from app.web.database import db
from tests.factories import make_member, make_org, make_plan, unique
from tests.scenario.followed import Follower, facts, over
from tests.support.copy import copy
from tests.support.roles import BY_HAND
from tests.today import NOON

DAY = timedelta(days=1)


@dataclass
class Payer:
    """An org that pays through Stripe."""

    session: Session
    org_id: UUID
    version_id: UUID
    theirs: StripeSubscription
    follower: Follower

    def mails(self):
        """What was written, in order: the templates."""
        asked = text(
            "SELECT template FROM mail_outbox WHERE to_address IN (SELECT email FROM users u JOIN memberships m"
            " ON m.user_id = u.id WHERE m.org_id = :org) AND template NOT IN ('payment_received') ORDER BY id"
        )
        return list(self.session.scalars(asked, {"org": self.org_id}))

    def told(self, now, **changed):
        """Stripe's subscription is followed."""
        self.follower.see(facts(self.version_id, NOON, NOON, **changed), now)

    @property
    def limited(self):
        held = queries.find_subscription(self.session, self.org_id)
        return held is not None and held.limited_at is not None

    def row(self):
        self.session.expire_all()
        return self.session.query(Dunning).filter_by(org_id=self.org_id).order_by(Dunning.started_at).all()


@pytest.fixture
def payer(session):
    made, org = make_plan(session), make_org(session)
    make_member(session, org)
    follower = Follower(session, org.id)
    follower.see(facts(made.version_id, NOON, NOON), NOON)
    customer = StripeCustomer(id=unique("cus"), org_id=org.id, delinquent=False, created_at=NOON, retrieved_at=NOON)
    price = StripePrice(
        id=unique("price"), plan_version_id=made.version_id, interval="month", currency="USD", amount=1000,
        product_id="prod", lookup_key=unique("key"), pushed_at=NOON,
    )  # fmt: skip
    session.add_all([customer, price])
    session.flush()
    theirs = StripeSubscription(
        id=unique("sub"), org_id=org.id, customer_id=customer.id, subscription_id=follower.ours, status="past_due",
        item_id="si", price_id=price.id, period_start=NOON, period_end=NOON + 30 * DAY, anchor_at=NOON,
        cancel_at_period_end=False, created_at=NOON, retrieved_at=NOON,
    )  # fmt: skip
    session.add(theirs)
    session.commit()
    org_id = org.id
    yield Payer(session, org_id, made.version_id, theirs, follower)
    session.rollback()
    session.execute(
        text("UPDATE dunnings SET ended_at = started_at, outcome = 'ended' WHERE ended_at IS NULL AND org_id = :org"),
        {"org": org_id},
    )
    session.commit()


def swept(payer, clock, days):
    """The sweep runs at that day of the dunning; returns all mails so far."""
    clock.at = NOON + days * DAY
    payer.session.commit()
    tasks.advance_dunnings()
    return payer.mails()


def test_mails_leave_on_day_0_3_5_and_7_each_once_and_the_limits_fall_on_day_7(payer, clock):
    schedule.open_dunning(payer.session, payer.theirs, NOON)
    counts, limited = {}, {}
    for day in (0, 0, 1, 2.99, 3, 3.5, 4, 5, 6.99, 7, 8, 20):
        counts[day] = len(swept(payer, clock, day))
        limited[day] = payer.limited
    assert counts == {0: 1, 1: 1, 2.99: 1, 3: 2, 3.5: 2, 4: 2, 5: 3, 6.99: 3, 7: 4, 8: 4, 20: 4}
    assert payer.mails() == ["payment_failed", "payment_reminder", "payment_reminder", "grace_over"]
    assert [day for day in limited if limited[day]] == [7, 8, 20]


def test_nothing_is_written_before_the_sweep_and_nothing_after_payment(payer, clock):
    schedule.open_dunning(payer.session, payer.theirs, NOON)
    assert payer.mails() == []
    schedule.close_dunning(payer.session, payer.theirs, "recovered", NOON)
    assert swept(payer, clock, 3) == []


def test_beginning_again_changes_nothing_while_it_runs(payer, clock):
    schedule.open_dunning(payer.session, payer.theirs, NOON)
    swept(payer, clock, 0)
    schedule.open_dunning(payer.session, payer.theirs, NOON + 2 * DAY)
    [row] = payer.row()
    assert (row.started_at, row.mails, row.grace_ends_at) == (NOON, 1, NOON + 7 * DAY)


@pytest.mark.parametrize(("day", "mail"), [(4, "payment_reminder"), (6, "payment_reminder"), (9, "grace_over")])
def test_after_a_jump_of_the_clock_only_the_newest_mail_leaves(payer, clock, day, mail):
    schedule.open_dunning(payer.session, payer.theirs, NOON)
    assert swept(payer, clock, day) == [mail]
    assert swept(payer, clock, day + 0.1) == [mail]
    assert swept(payer, clock, 30)[-1] == "grace_over"


def test_payment_ends_it_says_so_and_gives_the_limits_back(payer, clock):
    schedule.open_dunning(payer.session, payer.theirs, NOON)
    swept(payer, clock, 8)
    assert payer.limited
    for _ in range(3):
        schedule.close_dunning(payer.session, payer.theirs, "recovered", NOON + 9 * DAY)
    assert not payer.limited
    assert swept(payer, clock, 30) == ["grace_over", "payment_recovered"]
    [row] = payer.row()
    assert (row.outcome, row.limited_at, row.next_mail_at) == ("recovered", NOON + 8 * DAY, None)


def test_the_end_of_the_subscription_stops_the_mails_without_an_all_clear(payer, clock):
    schedule.open_dunning(payer.session, payer.theirs, NOON)
    swept(payer, clock, 0)
    payer.follower.see(over(payer.version_id, NOON, NOON + DAY), NOON + DAY)
    schedule.close_dunning(payer.session, payer.theirs, "ended", NOON + DAY)
    emails.queue_plan_ended(payer.session, payer.org_id, payer.follower.ours, NOON + DAY)
    emails.queue_plan_ended(payer.session, payer.org_id, payer.follower.ours, NOON + DAY)
    assert swept(payer, clock, 30) == ["payment_failed", "subscription_ended"]


def test_a_second_failure_later_is_a_dunning_of_its_own(payer, clock):
    schedule.open_dunning(payer.session, payer.theirs, NOON)
    swept(payer, clock, 0)
    schedule.close_dunning(payer.session, payer.theirs, "recovered", NOON + DAY)
    schedule.open_dunning(payer.session, payer.theirs, NOON + 30 * DAY)
    assert swept(payer, clock, 30) == ["payment_failed", "payment_recovered", "payment_failed"]
    assert len(payer.row()) == 2


def test_ending_what_does_not_run_does_nothing(payer, clock):
    schedule.close_dunning(payer.session, payer.theirs, "recovered", NOON)
    assert (payer.mails(), payer.row()) == ([], [])


def test_a_subscription_of_stripes_that_grants_nothing_has_no_dunning(payer):
    payer.theirs.subscription_id = None
    schedule.open_dunning(payer.session, payer.theirs, NOON)
    assert payer.row() == []


def test_two_workers_that_sweep_at_once_write_each_mail_once(payer, clock, app):
    schedule.open_dunning(payer.session, payer.theirs, NOON)
    payer.session.commit()
    for day in (0, 3, 7):
        clock.at, start = NOON + day * DAY, Barrier(4)

        def sweep(_, start=start):
            with app.app_context():
                start.wait()
                tasks.advance_dunnings()
                db.session.remove()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(sweep, range(4)))
        payer.session.rollback()
    assert payer.mails() == ["payment_failed", "payment_reminder", "grace_over"]
    assert payer.limited


def test_one_that_fails_stops_none_of_the_others(payer, clock, session):
    schedule.open_dunning(session, payer.theirs, NOON)
    session.commit()
    session.execute(BY_HAND)
    session.execute(
        text(f"ALTER TABLE dunnings ADD CONSTRAINT ck_test CHECK (org_id <> '{payer.org_id}' OR mails = 0)")
    )
    session.commit()
    try:
        assert swept(payer, clock, 0) == []
    finally:
        session.execute(BY_HAND)
        session.execute(text("ALTER TABLE dunnings DROP CONSTRAINT ck_test"))
        session.commit()
    assert swept(payer, clock, 0) == ["payment_failed"]


def test_the_letters_say_what_is_owed_until_when_and_where_to_pay(payer, clock, session):
    session.add(
        StripeInvoice(
            id=unique("in"), org_id=payer.org_id, stripe_subscription_id=payer.theirs.id, status="open",
            currency="USD", total=4900, tax=0, amount_due=4900,
            amount_paid=0, amount_remaining=4900, period_start=NOON, period_end=NOON + 30 * DAY, attempt_count=1,
            created_at=NOON, retrieved_at=NOON,
        )
    )  # fmt: skip
    schedule.open_dunning(session, payer.theirs, NOON)
    swept(payer, clock, 0)
    asked = text("SELECT body_text FROM mail_outbox WHERE key LIKE 'payment_failed:' || :id || ':%'")
    words = session.scalar(asked, {"id": str(payer.row()[0].id)})
    assert copy("mail.due", amount="$49.00") in words
    assert "28 November 2026, 12:00 UTC" in words
    assert "http://localhost/billing" in words


def test_a_receipt_names_amount_card_and_time_and_leaves_once(payer, session):
    record = BillingRecord(
        id=new_id(), org_id=payer.org_id, state="completed", reason="subscription_start", amount=4900, refunded=0,
        description="Pro plan, monthly", currency="USD", card_brand="visa", card_last4="4242", created_at=NOON,
        settled_at=NOON,
    )  # fmt: skip
    session.add(record)
    session.flush()
    lines = [
        {"description": "Pro plan", "amount": 4900}, {"description": "API calls: 60,000.5", "amount": 10_000},
    ]  # fmt: skip
    invoice = StripeInvoice(
        number="TK-0007", currency="USD", tax=0, included_tax=0, discount=980, total=13_920, lines=lines
    )
    session.get_one(Org, payer.org_id).billing_emails = ["books@example.com"]
    for _ in range(2):
        emails.queue_receipt(session, record, invoice, NOON)
    asked = text("SELECT subject, body_text FROM mail_outbox WHERE key LIKE 'payment_received:' || :id || ':%'")
    row, copied = session.execute(asked, {"id": str(record.id)}).all()
    assert "Hi there," in row.body_text + copied.body_text
    assert row.subject.startswith("Payment received: $49.00 for Org-")
    for words in (
        "Pro plan, monthly",
        "Visa ending in 4242",
        "21 November 2026, 12:00 UTC",
        copy("mail.thanks"),
        "TK-0007",
        "- API calls: 60,000.5: $100.00",
        "- Discount: -$9.80",
        "Total: $139.20",
    ):
        assert words in row.body_text
