"""What an organisation owes after failed renewals, paying it, and what the page says about the state after it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.payments.tasks import advance_dunnings
from sandbox.standin.engine import retry_settings
from tests.pages import send, text_of
from tests.scenario import Org, Scenario
from tests.scenario.buying import DECLINES
from tests.standin import StandIn
from tests.standin_visit import Visit
from tests.support.copy import copy

ASKS_ALWAYS = "4000002760003184"


@pytest.fixture
def buyer(paid: Scenario, standin: StandIn) -> Org:
    """An org on Pro, whose card will decline."""
    org = paid.org().paying("pro").with_card(DECLINES)
    paid.settle()
    return org


def unpaid_since(paid: Scenario, standin: StandIn, months: int, after_retries: str) -> None:
    """So many renewals fail; Stripe goes on as the account's settings say."""
    with standin.world.change():
        retry_settings.write(standin.world, retry_days=(1,), after_retries=after_retries)
    for _ in range(months):
        paid.renew()
        paid.later(days=2)
        paid.settle()


def states(standin: StandIn) -> list[str]:
    """The invoices' states, newest first, and the subscription's."""
    return [each["status"] for each in (*standin.objects("invoice"), *standin.objects("subscription"))]


def newest_mail(org: Org) -> str:
    """The text of the mail written last to its owner."""
    org.session.rollback()
    asked = text("SELECT body_text FROM mail_outbox WHERE to_address = (SELECT email FROM users WHERE id = :id)"
                 " ORDER BY id DESC LIMIT 1")  # fmt: skip
    return str(org.session.scalar(asked, {"id": org.owner}))


def press(org: Org) -> str:
    """Press "Pay now", and read the page it leads to."""
    browser = org.browser()
    assert send(browser, "/billing/pay", "/billing").status_code == 303
    return text_of(browser.get("/billing"))


def test_paying_reactivates_a_plan_unpaid_for_months_and_says_so(paid: Scenario, buyer: Org, standin: StandIn) -> None:
    unpaid_since(paid, standin, 3, "unpaid")
    assert states(standin) == ["draft", "draft", "open", "paid", "unpaid"]
    page = text_of(buyer.browser().get("/billing"))
    assert copy("billing.overdue", amount="$147.00") in page
    assert copy("billing.invoices", count="3") in page
    overdue = paid.client.get("/api/v1/subscription", headers=buyer.api("billing:read")).json["overdue"]
    assert overdue["amount"] == 14_700
    buyer.with_card()
    page = press(buyer)
    assert states(standin) == ["paid", "paid", "paid", "paid", "active"]
    assert copy("billing.received", plan="Pro") in page
    assert copy("billing.renews_on", plan="Pro") in page
    assert "overdue" not in page
    paid.settle()
    assert buyer.books["records"] == ["completed"] * 4


def test_three_failed_months_are_owed_together_on_page_api_and_mail(
    paid: Scenario, buyer: Org, standin: StandIn
) -> None:
    unpaid_since(paid, standin, 3, "past_due")
    assert states(standin)[:3] == ["open"] * 3
    assert "$147.00" in text_of(buyer.browser().get("/billing"))
    overdue = paid.client.get("/api/v1/subscription", headers=buyer.api("billing:read")).json["overdue"]
    assert overdue["amount"] == 14_700
    advance_dunnings()
    assert "$147.00" in newest_mail(buyer)
    buyer.with_card()
    assert copy("billing.received", plan="Pro") in press(buyer)
    assert states(standin) == ["paid"] * 4 + ["active"]


def test_a_card_that_fails_halfway_is_told_with_what_was_paid(paid: Scenario, buyer: Org, standin: StandIn) -> None:
    unpaid_since(paid, standin, 2, "unpaid")
    buyer.with_card()
    [draft] = standin.objects("invoice", status="draft")
    bad = standin.client().v1.payment_methods.attach(DECLINES, {"customer": draft["customer"]})
    standin.client().v1.invoices.update(draft["id"], {"default_payment_method": bad.id})
    answer = send(buyer.browser(), "/billing/pay", "/billing")
    assert copy("billing.partly_paid", count="2") in text_of(answer, 402)
    page = text_of(buyer.browser().get("/billing"))
    assert copy("billing.overdue", amount="$49.00") in page
    assert 'action="/billing/pay"' in page


def test_an_older_invoice_left_open_beside_a_running_plan_can_be_paid(
    paid: Scenario, buyer: Org, standin: StandIn
) -> None:
    unpaid_since(paid, standin, 2, "past_due")
    buyer.with_card("pm_card_visa")
    newest, older = standin.objects("invoice", status="open")
    paid.settle()
    standin.client().v1.invoices.pay(newest["id"])
    paid.settle()
    page = text_of(buyer.browser().get("/billing"))
    assert copy("billing.left_open", amount="$49.00") in page
    assert copy("billing.renews_on", plan="Pro") in page
    assert copy("next.before_tax") in page
    assert copy("billing.received", plan="Pro") in press(buyer)
    assert older["status"] == "paid"


@pytest.mark.parametrize("begun", [False, True])
def test_a_renewal_that_needs_3d_secure_leads_to_its_confirmation(
    paid: Scenario, standin: StandIn, begun: bool
) -> None:
    """On page, banner, API and in the mail; `begun`: somebody opened the bank's page and left."""
    org = paid.org().paying("pro", ASKS_ALWAYS)
    paid.renew()
    [bill] = standin.objects("invoice", status="open")
    if begun:
        _visit(standin, bill["hosted_invoice_url"])
        paid.settle()
    advance_dunnings()
    page = text_of(org.browser().get("/billing"))
    assert copy("billing.confirm", amount="$49.00") in page
    assert copy("billing.confirm_why") in page
    assert copy("next.confirm") in page
    assert f'href="{bill["hosted_invoice_url"]}"><span>{copy("billing.confirm_button")}' in page
    assert "declined" not in page
    assert copy("banner.confirm_title") in org.browser().get("/usage").text
    overdue = paid.client.get("/api/v1/subscription", headers=org.api("billing:read")).json["overdue"]
    assert (overdue["amount"], overdue["confirm_url"]) == (4900, bill["hosted_invoice_url"])
    mail = newest_mail(org)
    assert copy("mail.confirm", plan="the Pro plan") in mail
    assert bill["hosted_invoice_url"] in mail
    assert "check your card" not in mail
    answer = send(org.browser(), "/billing/pay", "/billing")
    assert (answer.status_code, answer.headers["Location"]) == (303, bill["hosted_invoice_url"])
    visit = _visit(standin, bill["hosted_invoice_url"])
    visit.submit("authenticate", answer="pass")
    paid.settle()
    assert (bill["status"], states(standin)[-1]) == ("paid", "active")
    assert copy("billing.renews_on", plan="Pro") in text_of(org.browser().get("/billing"))


def _visit(standin: StandIn, url: str) -> Visit:
    """Ask to confirm with the card on file: at the bank's page."""
    visit = Visit(standin.url)
    visit.open(url)
    visit.submit("confirm")
    return visit
