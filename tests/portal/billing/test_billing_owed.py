"""What an organisation owes after failed renewals, paying it, and what the page says about the state after it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.accounts import models as accounts
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


def name(org: Org) -> str:
    """What the org is called."""
    return str(org.session.get_one(accounts.Org, org.id).name)


def press(org: Org) -> str:
    """Press "Pay now", and read the page it leads to."""
    browser = org.browser()
    assert send(browser, "/billing/pay", "/billing").status_code == 303
    return text_of(browser.get("/billing"))


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def loses_its_card(org: Org, standin: StandIn) -> None:
    """Its card is removed on Stripe's page."""
    for method in standin.objects("payment_method", customer=org.customer_id):
        standin.client().v1.payment_methods.detach(method["id"])


@pytest.mark.slow
def test_a_paying_org_without_a_card_is_given_a_way_to_add_one_and_then_pays(
    paid: Scenario, buyer: Org, standin: StandIn
) -> None:
    """P14"""
    loses_its_card(buyer, standin)
    paid.settle()
    page = text_of(buyer.browser().get("/billing"))
    assert copy("billing.no_card_pays") in page
    paid.renew()
    page = text_of(buyer.browser().get("/billing"))
    assert copy("billing.no_card_late") in page
    assert 'action="/billing/pay"' not in page
    refused = send(buyer.browser(), "/billing/pay", "/billing")
    assert refused.status_code == 409
    assert copy("billing.no_card_to_charge") in text_of(refused, 409)
    added = send(buyer.browser(), "/billing/card", "/billing")
    assert added.status_code == 303
    back = standin.pay(added.headers["Location"]).location
    assert back
    assert "Card saved" in text_of(buyer.browser().get(back.partition("localhost")[2] or back))
    assert copy("billing.received", plan="Pro") in press(buyer)


@pytest.mark.slow
def test_a_link_payer_sees_link_and_pays_now(paid: Scenario, buyer: Org, standin: StandIn) -> None:
    """P14: what has neither number nor expiry is a way to pay all the same."""
    paid.renew()
    for method in standin.objects("payment_method", customer=buyer.customer_id):
        with standin.world.change():
            method.pop("card", None)
            method.update(type="link", link={"email": "ada@example.com"})
            standin.world.save(method)
    standin.client().v1.customers.update(buyer.customer_id, {"description": "a change to hear of"})
    paid.settle()
    page = text_of(buyer.browser().get("/billing"))
    assert '<p class="card-figure">Link</p>' in page
    assert copy("billing.no_card") not in page
    assert copy("billing.received", plan="Pro") in press(buyer)
    [newest, *_] = buyer.bills()[::-1]
    assert (newest["state"], newest["card"]) == ("completed", "Link")


@pytest.mark.parametrize(("act", "said"), [("void_invoice", "cancelled"), ("mark_uncollectible", "written_off")])
@pytest.mark.parametrize("first", ["customer.subscription.updated", None], ids=["subscription first", "in order"])
@pytest.mark.slow
def test_an_unpaid_invoice_that_is_cancelled_or_written_off_is_not_told_as_paid(
    paid: Scenario, buyer: Org, standin: StandIn, act: str, said: str, first: str | None
) -> None:
    """P9: whichever event comes first."""
    paid.renew()
    advance_dunnings()
    [owed] = standin.objects("invoice", status="open")
    getattr(standin.client().v1.invoices, act)(owed["id"])
    if first:
        sent = standin.events(first)[-1]
        standin.lose()
        paid.send(sent)
        paid.work()
    paid.settle()
    mail = newest_mail(buyer)
    assert copy(f"mail.{said}", org=name(buyer)) in mail
    assert "received" not in mail
    assert copy("billing.renews_on", plan="Pro") in text_of(buyer.browser().get("/billing"))


def pauses(paid: Scenario, standin: StandIn) -> Org:
    """An org whose trial of Pro ended without a card."""
    org = paid.org().paying("pro")
    loses_its_card(org, standin)
    paid.settle()
    with standin.world.change():
        [subscription] = standin.objects("subscription", customer=org.customer_id)
        subscription["status"] = "paused"
        standin.world.save(subscription)
        standin.world.emit("customer.subscription.paused", subscription)
    paid.later(days=10)
    paid.settle()
    return org


@pytest.mark.slow
def test_a_plan_paused_after_a_trial_says_so_and_is_resumed_with_a_card(paid: Scenario, standin: StandIn) -> None:
    """P12: nothing is owed."""
    org = pauses(paid, standin)
    browser = org.browser()
    page = text_of(browser.get("/billing"))
    assert copy("billing.paused", plan="Pro") in page
    assert copy("billing.paused_add_card") in page
    assert "overdue" not in page
    assert copy("banner.paused", plan="Pro") in text_of(browser.get("/usage"))
    back = standin.pay(send(browser, "/billing/card", "/billing").headers["Location"]).location
    assert back
    browser.get(back.partition("localhost")[2] or back)
    paid.later(minutes=5)
    assert send(browser, "/billing/resume", "/billing").status_code == 303
    page = text_of(browser.get("/billing"))
    assert copy("billing.resumed") in page
    assert copy("billing.paused", plan="Pro") not in page
    assert org.subscription is not None
    assert (org.subscription.state, org.subscription.limited_at) == ("active", None)


@pytest.mark.slow
def test_a_plan_whose_resuming_is_not_paid_for_stays_paused_and_leads_to_the_invoice(
    paid: Scenario, standin: StandIn
) -> None:
    org = pauses(paid, standin).with_card(DECLINES)
    paid.settle()
    for _ in range(2):
        answer = send(org.browser(), "/billing/resume", "/billing")
        [bill] = standin.objects("invoice", status="open")
        assert (answer.status_code, answer.headers["Location"]) == (303, bill["hosted_invoice_url"])
    assert org.mirror is not None
    assert org.mirror.status == "paused"


def test_a_one_off_with_thirty_days_stands_apart_from_the_next_payment(paid: Scenario, standin: StandIn) -> None:
    """P15"""
    org, v1 = paid.org().paying("pro"), standin.client().v1
    made = v1.invoices.create(
        {"customer": org.customer_id, "collection_method": "send_invoice", "days_until_due": 30, "auto_advance": False}
    )
    v1.invoice_items.create({"customer": org.customer_id, "invoice": made.id, "amount": 5000, "currency": "usd"})
    final = v1.invoices.finalize_invoice(made.id)
    paid.settle()
    page = text_of(org.browser().get("/billing"))
    assert copy("billing.open_invoice", number=final.number, amount="$50.00") in page
    assert copy("billing.due_on", day="21 December 2026") in page
    assert f'href="{final.hosted_invoice_url}"' in page
    assert copy("next.before_tax") in page
    assert copy("billing.renews_on", plan="Pro") in page


@pytest.mark.slow
def test_a_payment_of_which_a_part_went_back_is_shown_as_such_everywhere(
    paid: Scenario, buyer: Org, standin: StandIn
) -> None:
    """P26"""
    [paid_for] = buyer.records
    standin.client().v1.refunds.create({"payment_intent": str(paid_for.transaction_id), "amount": 180})
    paid.settle()
    for path in ("/billing", "/billing?state=refunded"):
        page = text_of(buyer.browser().get(path))
        assert "Partly refunded" in page
        assert "$1.80 refunded" in page
    [line] = buyer.bills()
    assert (line["state"], line["amount"], line["refunded"]) == ("completed", "49.00", "1.80")
    [found] = buyer.reads("/billing/history?state=refunded")["records"]
    assert (found["state"], found["refunded"]) == ("completed", 180)
    assert "$1.80 refunded" in text_of(paid.staff().get(f"/admin/orgs/{buyer.id}"))


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.slow
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
