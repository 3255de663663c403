"""Emails about changes and cancellations: each says what happened, once, to who manages the plan and the contacts."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.models import Org as OrgRow
from app.accounts.models import User
from app.mail.models import Mail
from app.payments.cancel import cancel_at_period_end, undo_cancel
from app.payments.cli import background_gateway
from tests.payments.plan_changes.test_confirm import ACTOR, DECLINES, SECURE, confirm, own_card, quoted, started
from tests.payments.plan_changes.test_planned import plan, undo
from tests.payments.plan_changes.test_planned import started as started_lower
from tests.scenario import Org, Scenario

CONTACT = "books@example.com"


def letters(org: Org, *templates: str) -> list[Mail]:
    """The emails about the plan, oldest first, that the owner got; or those of some templates."""
    theirs = select(User.email).where(User.id == org.owner)
    query = select(Mail).where(Mail.to_address.in_(theirs)).order_by(Mail.id)
    kinds = templates or ("plan_changed", "change_planned", "change_undone", "change_waiting", "change_lapsed",
                          "cancel_planned", "cancel_undone", "subscription_ended")  # fmt: skip
    found = list(org.session.scalars(query))
    return [mail for mail in found if mail.template in kinds]


def kinds(org: Org) -> list[str]:
    return [mail.template for mail in letters(org)]


def words(mail: Mail) -> str:
    return re.sub(r"\s+", " ", mail.body_text or "")


def cancel(org: Org) -> bool:
    with background_gateway():
        return cancel_at_period_end(org.id, actor=ACTOR, now=org.now)


@pytest.mark.slow
def test_a_change_names_both_plans_what_was_charged_and_from_when(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    session = org.session
    row = session.get_one(OrgRow, org.id)
    row.billing_emails, name = [CONTACT], row.name
    session.commit()
    assert org.plan is not None
    confirm(org, quoted(org, dearer))
    [mail] = letters(org)
    assert mail.template == "plan_changed"
    assert mail.subject == f"{name} is now on the {dearer.key} plan, monthly"
    said = words(mail)
    assert f"From: the {org.plan.key} plan, monthly To: the {dearer.key} plan, monthly" in said
    assert f"Since: {org.now:%-d %B %Y, %H:%M} UTC Charged: $15.00 Price: $40.00 a month" in said
    assert "Renews: 21 December 2026, 12:00 UTC" in said
    copies = select(Mail.to_address).where(Mail.template == "plan_changed", Mail.to_address == CONTACT)
    assert list(org.session.scalars(copies)) == [CONTACT]
    scenario.settle()
    scenario.settle()
    assert kinds(org) == ["plan_changed"]


@pytest.mark.slow
def test_a_planned_change_is_told_when_it_is_planned_undone_and_made(scenario: Scenario) -> None:
    org, lower = started_lower(scenario)
    for _ in range(2):
        plan(org, lower)
    assert undo(org)
    scenario.later(minutes=1)
    plan(org, lower)
    assert kinds(org) == ["change_planned", "change_undone", "change_planned"]
    first, undone, _ = letters(org)
    assert f"After that: the {lower.key} plan, monthly On: 21 December 2026, 12:00 UTC" in words(first)
    assert "Price then: $4.00 a month, before tax and discounts" in words(first)
    assert "which was scheduled for 21 December 2026, 12:00 UTC, is undone" in words(undone)
    scenario.settle()
    scenario.renew()
    assert kinds(org)[3:] == ["plan_changed"]
    made = words(letters(org)[-1])
    assert "has changed its plan, as planned." in made
    assert "Since: 21 December 2026, 12:00 UTC" in made
    assert "Charged" not in made


@pytest.mark.slow
def test_a_schedule_that_is_released_at_stripe_is_told_as_undone(scenario: Scenario) -> None:
    org, lower = started_lower(scenario)
    plan(org, lower)
    [schedule] = scenario.stripe.objects("subscription_schedule")
    scenario.stripe.client().v1.subscription_schedules.release(schedule["id"])
    scenario.settle()
    assert kinds(org) == ["change_planned", "change_undone"]


@pytest.mark.parametrize(
    ("card", "said"),
    [(DECLINES, "was declined. Nothing was charged"), (SECURE, "Your bank asks you to confirm the payment")],
)
@pytest.mark.slow
def test_an_unpaid_change_is_told_with_a_way_to_pay_and_dropped(scenario: Scenario, card: str, said: str) -> None:
    org, dearer = started(scenario)
    org.with_card(card)
    own_card(scenario, org)
    change = quoted(org, dearer)
    for _ in range(2):
        result = confirm(org, change)
    assert result.pay_url
    scenario.settle()
    [mail] = letters(org)
    assert said in words(mail)
    assert f"Amount due: $15.00 Pay by: {result.until:%-d %B %Y, %H:%M} UTC" in words(mail)
    assert result.pay_url in words(mail)
    scenario.later(hours=24)
    scenario.settle()
    assert kinds(org) == ["change_waiting", "change_lapsed"]
    assert "was not paid in time and is dropped. Nothing was charged for it." in words(letters(org)[-1])


@pytest.mark.slow
def test_a_change_that_is_paid_in_time_is_told_as_made(scenario: Scenario) -> None:
    org, dearer = started(scenario)
    org.with_card(SECURE)
    own_card(scenario, org)
    confirm(org, quoted(org, dearer))
    scenario.later(hours=2)
    invoice: Any = scenario.stripe.objects("invoice", status="open")[0]
    pay_confirmed(scenario, org, invoice)
    assert kinds(org) == ["change_waiting", "plan_changed"]
    assert "Charged: $15.00" in words(letters(org)[-1])
    scenario.later(hours=24)
    scenario.settle()
    assert kinds(org) == ["change_waiting", "plan_changed"]


def pay_confirmed(scenario: Scenario, org: Org, invoice: Any) -> None:
    org.with_card()
    chosen = scenario.stripe.objects("customer", id=org.customer_id)[0]["invoice_settings"]["default_payment_method"]
    scenario.stripe.client().v1.invoices.pay(invoice["id"], {"payment_method": chosen})
    scenario.settle()


@pytest.mark.slow
def test_a_cancellation_is_told_when_it_is_planned_undone_and_over(scenario: Scenario) -> None:
    org, lower = started_lower(scenario)
    plan(org, lower)
    assert cancel(org)
    assert not cancel(org)
    scenario.later(minutes=1)
    with background_gateway():
        undo_cancel(org.id, actor=ACTOR, now=org.now)
    scenario.later(minutes=1)
    assert cancel(org)
    scenario.settle()
    assert kinds(org) == ["change_planned", "cancel_planned", "cancel_undone", "cancel_planned"]
    first = words(letters(org)[1])
    assert "ends on 21 December 2026, 12:00 UTC. It will not renew." in first
    assert f"The change to the {lower.key} plan, monthly that was planned is dropped." in first
    assert "It renews on 21 December 2026, 12:00 UTC." in words(letters(org)[2])
    scenario.later(days=16)
    scenario.settle()
    assert kinds(org)[4:] == ["subscription_ended"]
    assert "nothing more will be charged" not in words(letters(org)[-1])


@pytest.mark.slow
def test_an_end_that_is_planned_at_stripe_is_told_with_its_day(scenario: Scenario) -> None:
    org, _ = started(scenario)
    at = org.now + timedelta(days=60)
    theirs = scenario.stripe.objects("subscription")[0]["id"]
    scenario.stripe.client().v1.subscriptions.update(theirs, {"cancel_at": int(at.timestamp())})
    scenario.settle()
    [mail] = letters(org)
    assert mail.template == "cancel_planned"
    assert f"ends on {at:%-d %B %Y, %H:%M} UTC. It renews as usual until then." in words(mail)


@pytest.mark.slow
def test_a_one_off_has_a_receipt(scenario: Scenario) -> None:
    org, v1 = scenario.org().paying(scenario.plan()), scenario.stripe.client().v1
    made = v1.invoices.create({"customer": str(org.customer_id), "auto_advance": False})
    item = {"customer": org.customer_id, "invoice": made.id, "amount": 5000, "currency": "usd", "description": "Set-up"}
    v1.invoice_items.create(item)  # type: ignore[arg-type]
    number = v1.invoices.finalize_invoice(made.id).number
    v1.invoices.pay(made.id)
    scenario.settle()
    _, receipt = letters(org, "payment_received")
    assert f"For: Invoice {number}" in words(receipt)
    assert "Set-up: $50.00" in words(receipt)
