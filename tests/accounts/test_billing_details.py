"""Billing details: whom invoices are made out to and copied to; billing members may change them, viewers read them."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts.models import Org, User
from app.audit import queries as audit
from tests.accounts.conftest import audited
from tests.factories import make_member, signed_in
from tests.pages import send

PATH = "/settings/billing"
EMAILS = "A@example.com\r\n\r\nb@example.com, a@example.com"


def test_details_are_changed_by_their_form_and_audited(page: FlaskClient, session: Session, org: Org) -> None:
    fields = {"legal_name": "Acme GmbH", "city": "Köln", "country": "DE", "tax_id": "DE123", "order_number": "PO 1",
              "invoice_note": "Cost centre 7", "billing_emails": EMAILS}  # fmt: skip
    before = org.name
    assert send(page, PATH, **fields, name="Mine", currency="USD").status_code == 303
    session.refresh(org)
    assert (org.legal_name, org.tax_id, org.address) == ("Acme GmbH", "DE123", {"city": "Köln", "country": "DE"})
    assert (org.billing_emails, org.order_number) == (["a@example.com", "b@example.com"], "PO 1")
    assert (org.name, org.currency, org.invoice_note) == (before, None, "Cost centre 7")
    assert audited(session, "org.billing_details_changed", org.id) == 1
    (entry,) = audit.list_entries(session, org.id, action="org.billing_details_changed", on=("org", org.id))
    assert "legal_name" in entry.act.after["changed"]
    assert entry.personal["after"]["legal_name"] == "Acme GmbH"
    shown = page.get(PATH).text
    assert "a@example.com\r\nb@example.com" in shown or "a@example.com\nb@example.com" in shown
    send(page, PATH, **fields)
    assert audited(session, "org.billing_details_changed", org.id) == 1
    assert send(page, PATH).status_code == 303
    session.refresh(org)
    assert (org.legal_name, org.address, org.billing_emails) == (None, {}, [])


@pytest.mark.parametrize(
    "fields",
    [
        {"tax_id": "DE123"},
        {"country": "Germany"},
        {"country": "EU"},
        {"billing_emails": "nobody"},
        {"billing_emails": "a@example.com b@example.com"},
        {"billing_emails": "\n".join(f"a{number}@example.com" for number in range(6))},
        {"billing_emails": "a@example.com\x00"},
        {"order_number": "x" * 101},
        {"invoice_note": "x" * 141},
    ],
)
def test_what_is_no_detail_is_refused(page: FlaskClient, session: Session, org: Org, fields: dict[str, str]) -> None:
    answer = send(page, PATH, **fields)
    assert answer.status_code == 422
    if "billing_emails" in fields and "\x00" not in fields["billing_emails"]:
        assert fields["billing_emails"].splitlines()[0] in answer.text
    session.refresh(org)
    assert (org.tax_id, org.address, org.billing_emails, org.order_number) == (None, {}, [], None)


def test_billing_members_change_them_and_viewers_read_whom_to_ask(
    app: Flask, session: Session, org: Org, owner: User
) -> None:
    biller = signed_in(app, session, make_member(session, org, "billing"), org)
    assert send(biller, PATH, city="Leeds", country="GB").status_code == 303
    viewer = signed_in(app, session, make_member(session, org, "viewer"), org)
    answer = viewer.get(PATH)
    assert owner.email in answer.text
    assert "Leeds, United Kingdom" in answer.text
    assert 'name="legal_name"' not in answer.text
    assert send(viewer, PATH, city="Mine").status_code == 403
