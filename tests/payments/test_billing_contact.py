"""Name, address, tax id and billing email of an org reach Stripe, in Stripe's form, whenever they change."""

from __future__ import annotations

from typing import Any

import pytest

from app.accounts.models import Membership, Org, User
from app.payments.billing_contact.send_contact import list_due_contacts
from app.payments.billing_contact.tax_ids import find_tax_id
from app.payments.tasks import send_billing_contacts
from app.web.database import transaction
from tests import factories
from tests.scenario import Org as Customer
from tests.scenario import Scenario
from tests.support.copy import copy

HOME = {"line1": "Rosenweg 7", "postal_code": "10115", "city": "Berlin", "region": "BE", "country": "DE"}


@pytest.fixture(autouse=True)
def _others_have_been_sent(scenario: Scenario) -> None:
    """Customers of other tests are due too, a hundred a run, and this Stripe does not know them."""
    assert scenario.stripe
    for _ in range(20):
        with transaction() as session:
            if not list_due_contacts(session):
                return
        send_billing_contacts()


def there(scenario: Scenario, org: Customer) -> dict[str, Any]:
    """The customer as Stripe has it, and its tax ids."""
    [found] = [each for each in scenario.stripe.objects("customer") if each["id"] == org.customer_id]
    tax_ids = scenario.stripe.objects("tax_id", customer=org.customer_id)
    return {**found, "tax_ids": [(each["type"], each["value"]) for each in tax_ids]}


def change(org: Customer, **facts: Any) -> None:
    """Save the org's settings, and let the task run."""
    row = org.session.get_one(Org, org.id)
    for name, value in facts.items():
        setattr(row, name, value)
    org.scenario.session.commit()
    send_billing_contacts()


@pytest.mark.slow
def test_settings_reach_stripe_in_its_form(scenario: Scenario) -> None:
    """P8"""
    org = scenario.org().paying()
    change(org, name="Quill GmbH", address=HOME, tax_id="123 456 789")
    found = there(scenario, org)
    assert found["name"] == "Quill GmbH"
    assert found["address"] == {
        "line1": "Rosenweg 7", "line2": None, "postal_code": "10115", "city": "Berlin", "state": "BE", "country": "DE",
    }  # fmt: skip
    assert found["tax_ids"] == [("eu_vat", "DE123456789")]
    change(org, tax_id="DE 987.654.321", address=HOME | {"city": "Bonn"})
    found = there(scenario, org)
    assert (found["address"]["city"], found["tax_ids"]) == ("Bonn", [("eu_vat", "DE987654321")])
    change(org, tax_id=None, address={})
    found = there(scenario, org)
    assert (found["address"], found["tax_ids"]) == (None, [])


@pytest.mark.slow
def test_order_number_and_note_are_on_the_next_invoice(scenario: Scenario) -> None:
    org = scenario.org().paying()
    change(org, legal_name="Quill Holding", order_number="PO 4711", invoice_note="Cost centre 12")
    found = there(scenario, org)
    assert found["name"] == "Quill Holding"
    fields = [{"name": "Purchase order", "value": "PO 4711"}, {"name": "Note", "value": "Cost centre 12"}]
    assert found["invoice_settings"]["custom_fields"] == fields
    assert found["invoice_settings"]["default_payment_method"]
    scenario.renew()
    assert fields in [each["custom_fields"] for each in scenario.stripe.objects("invoice", customer=org.customer_id)]
    change(org, legal_name=None, order_number=None, invoice_note=None, billing_emails=["a@example.com"])
    assert there(scenario, org)["invoice_settings"]["custom_fields"] is None


def test_nothing_is_sent_while_nothing_changes_and_one_failure_is_made_good(scenario: Scenario) -> None:
    org, other = scenario.org().paying(), scenario.org().paying()
    send_billing_contacts()
    asked = len(scenario.stripe.calls)
    send_billing_contacts()
    assert len(scenario.stripe.calls) == asked
    scenario.stripe.fail("503", path=f"/v1/customers/{org.customer_id}")
    change(org, name="Quill GmbH")
    assert there(scenario, org)["name"] != "Quill GmbH"
    send_billing_contacts()
    assert there(scenario, org)["name"] == "Quill GmbH"
    assert there(scenario, other)["name"] != "Quill GmbH"


def test_bills_go_to_the_billing_member_else_to_the_owner(scenario: Scenario) -> None:
    org = scenario.org().paying()
    owner = org.session.get_one(User, org.owner)
    owner.email = f"{factories.unique('new')}@example.com"
    address = owner.email
    scenario.session.commit()
    send_billing_contacts()
    assert there(scenario, org)["email"] == address
    biller = factories.make_member(org.session, org.session.get_one(Org, org.id), "billing")
    theirs, who = biller.email, biller.id
    scenario.session.commit()
    send_billing_contacts()
    assert there(scenario, org)["email"] == theirs
    scenario.session.delete(org.session.get_one(Membership, (org.id, who)))
    scenario.session.commit()
    send_billing_contacts()
    assert there(scenario, org)["email"] == address
    assert org.customer is not None
    assert org.customer.email == address


@pytest.mark.parametrize(("country", "number"), [("DE", "DE12"), ("AQ", "12345")], ids=["form", "kind"])
def test_what_stripe_does_not_take_is_said_and_not_sent_again(scenario: Scenario, country: str, number: str) -> None:
    org = scenario.org().paying()
    change(org, address=HOME | {"country": country}, tax_id=number)
    assert there(scenario, org)["address"]["country"] == country
    assert there(scenario, org)["tax_ids"] == []
    assert copy("billing.contact_refused") in org.page("/billing")
    asked = len(scenario.stripe.calls)
    send_billing_contacts()
    assert len(scenario.stripe.calls) == asked
    change(org, address=HOME, tax_id="DE123456789")
    assert copy("billing.contact_refused") not in org.page("/billing")
    assert there(scenario, org)["tax_ids"] == [("eu_vat", "DE123456789")]


@pytest.mark.slow
def test_an_address_that_stripe_refuses_does_not_cost_the_one_before(scenario: Scenario) -> None:
    org = scenario.org().paying()
    change(org, address=HOME)
    change(org, address={"line1": "Rosenweg 8", "country": "Germany"})
    assert there(scenario, org)["address"]["line1"] == "Rosenweg 7"
    assert copy("billing.contact_refused") in org.page("/billing")


def test_a_line_that_is_no_longer_there_is_gone_at_stripe_too(scenario: Scenario) -> None:
    org = scenario.org().paying()
    change(org, address=HOME | {"line2": "Backyard"})
    change(org, address=HOME)
    assert there(scenario, org)["address"]["line2"] is None


@pytest.mark.slow
def test_what_a_customer_typed_on_a_page_of_stripes_is_left_alone(scenario: Scenario) -> None:
    org = scenario.org().paying()
    v1 = scenario.stripe.client().v1
    v1.customers.update(org.customer_id, {"address": {"line1": "1 High Street", "country": "GB"}})
    v1.customers.tax_ids.create(org.customer_id, {"type": "gb_vat", "value": "GB123456789"})
    change(org, name="Quill Ltd")
    found = there(scenario, org)
    assert (found["name"], found["address"]["line1"], found["tax_ids"]) == (
        "Quill Ltd", "1 High Street", [("gb_vat", "GB123456789")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("country", "number", "found"),
    [
        ("DE", "123 456 789", ("eu_vat", "DE123456789")),
        ("GR", "123456789", ("eu_vat", "EL123456789")),
        ("AT", "ATU12345678", ("eu_vat", "ATU12345678")),
        ("GB", "GB123456789", ("gb_vat", "GB123456789")),
        ("US", "12-3456789", ("us_ein", "12-3456789")),
        ("AQ", "1", None),
        (None, "1", None),
        ("DE", None, None),
    ],
)
def test_the_type_of_a_tax_id_follows_from_the_country(
    country: str | None, number: str | None, found: tuple[str, str] | None
) -> None:
    assert find_tax_id(country, number) == found
