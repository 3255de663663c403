"""Whom we write to about an org's money, and that each letter leaves once."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from app.kit.errors import NotFound
from app.notifications.service import list_recipients, notify
from tests.factories import make_member, make_org
from tests.support.copy import copy
from tests.today import NOON

FACTS = {"plan": "the Pro plan", "was_limited": False, "settled": "paid"}


def outbox(session, key):
    asked = text("SELECT to_address, subject, body_text FROM mail_outbox WHERE key LIKE :key ORDER BY to_address")
    return session.execute(asked, {"key": f"payment_recovered:{key}:%"}).all()


def test_owners_admins_and_billing_members_are_written_to_and_nobody_else(session):
    org, other = make_org(session), make_org(session)
    written_to = {make_member(session, org, role).email for role in ("owner", "admin", "billing")}
    for role in ("member", "viewer"):
        make_member(session, org, role)
    make_member(session, other, "owner")
    key = str(uuid4())
    assert notify(session, org.id, "payment_recovered", FACTS, key=key, now=NOON) == 3
    assert {row.to_address for row in outbox(session, key)} == written_to


def test_nobody_is_written_to_at_an_address_that_is_not_confirmed_or_whose_account_is_closed(session):
    org = make_org(session)
    make_member(session, org, verified=False)
    for column in ("disabled_at", "deleted_at"):
        setattr(make_member(session, org), column, NOON)
    session.commit()
    assert list_recipients(session, org.id) == []
    assert notify(session, org.id, "payment_recovered", FACTS, key=str(uuid4()), now=NOON) == 0


def test_a_letter_leaves_once_for_each_person_and_key(session):
    org, key = make_org(session), str(uuid4())
    make_member(session, org)
    for _ in range(3):
        notify(session, org.id, "payment_recovered", FACTS, key=key, now=NOON)
    assert len(outbox(session, key)) == 1
    make_member(session, org, "billing")
    notify(session, org.id, "payment_recovered", FACTS, key=key, now=NOON)
    assert len(outbox(session, key)) == 2


def test_a_letter_names_its_reader_the_org_and_the_billing_page(session):
    org, key = make_org(session, name="Acme & Sons"), str(uuid4())
    make_member(session, org)
    notify(session, org.id, "payment_recovered", FACTS, key=key, now=NOON)
    [row] = outbox(session, key)
    assert row.subject == copy("mail.paid", org="Acme & Sons")
    assert copy("mail.greeting", person="Ada Example") in row.body_text
    assert "http://localhost/billing\n" in row.body_text


def test_an_unknown_org_is_refused(session):
    with pytest.raises(NotFound):
        notify(session, uuid4(), "payment_recovered", FACTS, key="x", now=NOON)


def test_billing_contacts_get_a_copy_where_the_email_is_an_invoices(session):
    org, key = make_org(session), str(uuid4())
    member = make_member(session, org)
    org.billing_emails = ["books@example.com", member.email]
    session.flush()
    for _ in range(2):
        notify(session, org.id, "payment_recovered", FACTS, key=key, now=NOON, copies=True)
    assert {row.to_address for row in outbox(session, key)} == {"books@example.com", member.email}
    keys = session.scalars(text("SELECT key FROM mail_outbox WHERE to_address = 'books@example.com'")).all()
    assert not any("books" in each for each in keys)
    other = str(uuid4())
    notify(session, org.id, "payment_recovered", FACTS, key=other, now=NOON)
    assert {row.to_address for row in outbox(session, other)} == {member.email}
