"""Who pays already changes plan on the page of the plan: the money before, one press, the truth after."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from app.catalog.models import Plan
from app.metering.upgrade_url import PlansOnSale
from app.payments.gateway import get_gateway
from app.payments.price_push.push import push_catalog
from tests.factories import MadePlan, make_plan
from tests.pages import text_of
from tests.scenario import Org, Scenario

DECLINES, SECURE = "pm_card_chargeCustomerFail", "pm_card_authenticationRequired"
YEARLY = "/billing/upgrade/pro?interval=year"


@pytest.fixture
def higher(paid: Scenario) -> Iterator[MadePlan]:
    """A plan above Pro for 99.00, for this test only."""
    with only_here(paid, ("USD", "99.00", "990.00")) as made:
        yield made


@pytest.fixture
def lower(paid: Scenario) -> Iterator[MadePlan]:
    """A plan below Pro for 19.00, for this test only."""
    with only_here(paid, ("USD", "19.00", "190.00")) as made:
        yield made


class only_here:  # noqa: N801  # used as a function
    """A plan that is sold while it is needed: pages show the whole catalogue."""

    def __init__(self, paid: Scenario, sold: tuple[str, str, str]) -> None:
        self.paid, self.sold = paid, sold

    def __enter__(self) -> MadePlan:
        self.made = make_plan(self.paid.session, sold=self.sold)
        return self.made

    def __exit__(self, *_: object) -> None:
        session = self.paid.session
        session.rollback()
        session.execute(update(Plan).where(Plan.key == self.made.key).values(archived_at=self.paid.clock.at))
        session.commit()
        self.paid.app.extensions["tollkeeper"].pool.shared(PlansOnSale).clear()


@pytest.fixture
def payer(paid: Scenario) -> Org:
    """An org halfway through its month of Pro."""
    org = paid.org().paying("pro")
    paid.later(days=15)
    return org


def page_of(plan: MadePlan, interval: str = "month") -> str:
    return f"/billing/upgrade/{plan.key}?interval={interval}"


def read(org: Org, path: str, status: int = 200, role: str = "owner") -> str:
    list(push_catalog(get_gateway(), org.now))
    return text_of(org.browser(role).get(path), status)


def press(org: Org, path: str) -> Any:
    page = read(org, path)
    fields = dict(re.findall(r'name="(quote|csrf_token)" value="([^"]*)"', page))
    assert "quote" in fields, page
    return org.browser().post(path, data=fields)


def use_card(paid: Scenario, org: Org, name: str) -> None:
    """The subscription is charged to another card from now on."""
    org.with_card(name)
    v1 = paid.stripe.client().v1
    chosen = paid.stripe.objects("customer", id=org.customer_id)[0]["invoice_settings"]["default_payment_method"]
    v1.subscriptions.update(paid.stripe.objects("subscription")[0]["id"], {"default_payment_method": chosen})
    paid.settle()


def test_the_page_says_the_money_line_by_line(payer: Org, higher: MadePlan) -> None:
    page = read(payer, page_of(higher))
    assert "Unused time on Pro" in page
    assert f"Remaining time on {higher.key}" in page
    assert "-$24.50" in page
    assert "$49.50</td>" in page
    assert "<dt>Today</dt><dd><strong>$25.00</strong>" in page
    assert "<dt>Next payment</dt><dd><strong>$99.00</strong>" in page
    assert "21 Dec 2026, 12:00 UTC" in page
    assert "Upgrade, $25.00 today" in page
    assert "This amount holds until 12:30 UTC" in page
    assert "Your usage period continues" in page
    assert "not available yet" not in page


@pytest.mark.slow
def test_one_press_changes_the_plan(payer: Org, higher: MadePlan) -> None:
    answer = press(payer, page_of(higher))
    assert answer.status_code == 303
    page = read(payer, "/billing")
    assert f"You are on {higher.key} now, paid by the month. $25.00 was charged." in page
    assert f"Upgraded to {higher.key}" in page
    assert "payment_received" in payer.letters


@pytest.mark.slow
def test_pressing_again_from_the_page_before_charges_nothing(paid: Scenario, payer: Org, higher: MadePlan) -> None:
    page = read(payer, page_of(higher))
    fields = dict(re.findall(r'name="(quote|csrf_token)" value="([^"]*)"', page))
    for _ in range(2):
        assert payer.browser().post(page_of(higher), data=fields).status_code == 303
    assert sorted(each["amount"] for each in paid.stripe.objects("charge") if each["paid"]) == [2500, 4900]


@pytest.mark.slow
def test_paying_yearly_is_a_page_and_a_press_of_its_own(payer: Org) -> None:
    assert "See what it costs by the year" in read(payer, "/billing/upgrade/pro")
    assert "See what it costs by the year" in read(payer, "/plans?interval=year")
    assert "See what it costs by" not in read(payer, "/plans")
    page = read(payer, YEARLY)
    assert "Pay for Pro by the year" in page
    assert "Pay yearly, $465.50 today" in page
    assert "Only how you pay changes" in page
    assert press(payer, YEARLY).status_code == 303
    assert "Billing interval of Pro changed" in read(payer, "/billing")


def test_a_quote_that_has_ended_is_shown_anew(paid: Scenario, payer: Org, higher: MadePlan) -> None:
    page = read(payer, page_of(higher))
    fields = dict(re.findall(r'name="(quote|csrf_token)" value="([^"]*)"', page))
    paid.later(hours=1)
    answer = payer.browser().post(page_of(higher), data=fields)
    text = text_of(answer, 409)
    assert "The quote has expired. Nothing was charged." in text
    assert 'name="quote"' in text
    assert fields["quote"] not in text


@pytest.mark.slow
def test_a_quote_of_another_organisation_is_not_taken(paid: Scenario, payer: Org, higher: MadePlan) -> None:
    page = read(payer, page_of(higher))
    fields = dict(re.findall(r'name="(quote|csrf_token)" value="([^"]*)"', page))
    other = paid.org().paying("pro")
    text = text_of(other.browser().post(page_of(higher), data={**fields, "csrf_token": token(other, higher)}), 409)
    assert "out of date" in text


def token(org: Org, plan: MadePlan) -> str:
    [found] = set(re.findall(r'name="csrf_token" value="([^"]*)"', read(org, page_of(plan))))
    return found


@pytest.mark.slow
def test_a_declined_card_is_said_with_a_way_to_pay(paid: Scenario, payer: Org, higher: MadePlan) -> None:
    use_card(paid, payer, DECLINES)
    assert press(payer, page_of(higher)).status_code == 303
    page = read(payer, "/billing")
    assert f"The payment of $25.00 for {higher.key} did not go through. Your plan is as before." in page
    assert f"The payment for {higher.key} was declined" in page
    assert "You are still on Pro, and nothing was charged for the change." in page
    assert "Pay $25.00" in page
    assert "7 December 2026, 11:00 UTC" in page
    dashboard = read(payer, "/dashboard")
    assert f"<strong>The payment for {higher.key} was declined.</strong>" in dashboard
    assert "You are still on Pro. Unpaid on 7 December 2026, 11:00 UTC, the change is dropped." in dashboard
    assert f'<a href="{paid.stripe.url}' in dashboard
    assert "from an earlier invoice is unpaid" not in page
    again = read(payer, page_of(higher))
    assert "Another change waits for its payment" in again
    paid.later(hours=24)
    paid.settle()
    assert "was declined" not in read(payer, "/dashboard")
    assert "was declined" not in read(payer, "/billing").replace("Your card was declined", "")
    assert 'name="quote"' in read(payer, page_of(higher))


@pytest.mark.slow
def test_the_banks_question_leads_to_its_page(paid: Scenario, payer: Org, higher: MadePlan) -> None:
    use_card(paid, payer, SECURE)
    answer = press(payer, page_of(higher))
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(paid.stripe.url)
    page = read(payer, "/billing")
    assert f"Confirm the payment for {higher.key}" in page
    assert "Your bank asks you to confirm $25.00 (3-D Secure)." in page


@pytest.mark.slow
def test_a_lower_plan_waits_for_the_end_of_what_is_paid(payer: Org, lower: MadePlan) -> None:
    page = read(payer, page_of(lower))
    assert f"{lower.key} starts on 21 December 2026" in page
    assert "From then on: $19.00 a month, before tax." in page
    assert 'name="quote"' not in page
    answer = post(payer, page, f"Change to {lower.key} on 21 December 2026")
    assert answer.status_code == 303, re.sub(r"<[^>]+>", " ", answer.text[answer.text.index("<main") :])[:900]
    page = read(payer, "/billing")
    assert "Your change is planned for 21 December 2026." in page
    assert f"<h2>Pro changes to {lower.key} on 21 December 2026</h2>" in page
    assert '<p class="card-figure">$19.00</p>' in page
    assert f"<h2>Planned: Pro changes to {lower.key} on 21 December 2026</h2>" in read(payer, page_of(lower))
    yearly = read(payer, YEARLY)
    instead = f"Instead of what is planned now: Pro changes to {lower.key} on 21 December 2026. If the payment fails,"
    assert instead in yearly
    assert "This replaces what is planned now: Pro changes to" in read(payer, page_of(lower, "year"))
    assert "undo that" in read(payer, "/billing/upgrade/pro")
    assert post(payer, page, "Keep Pro as it is").status_code == 303
    page = read(payer, "/billing")
    assert "The change is undone." in page
    assert "Scheduled change from Pro undone" in page


def post(org: Org, page: str, button: str) -> Any:
    """Press a one-button form of a page."""
    [form] = [each for each in re.findall(r"<form.*?</form>", page, re.DOTALL) if f">{button}<" in each]
    action = re.search(r'action="([^"]+)"', form)
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert action
    assert token
    return org.browser().post(action[1].replace("&amp;", "&"), data={"csrf_token": token[1]})


@pytest.mark.slow
def test_who_pays_yearly_is_offered_a_higher_plan_both_ways(payer: Org, higher: MadePlan) -> None:
    press(payer, YEARLY)
    page = read(payer, page_of(higher))
    assert "You pay by the year" in page
    assert "interval=year" in page
    assert "Upgrade, " in read(payer, page_of(higher, "year"))


@pytest.mark.slow
def test_what_is_due_is_paid_first(paid: Scenario, higher: MadePlan) -> None:
    org = paid.org().paying("pro").past_due(days=1)
    page = read(org, page_of(higher))
    assert "Pay what is due first" in page
    assert 'name="quote"' not in page


def test_a_cancelled_plan_is_kept_first(paid: Scenario, payer: Org, higher: MadePlan) -> None:
    theirs = paid.stripe.objects("subscription")[0]["id"]
    paid.stripe.client().v1.subscriptions.update(theirs, {"cancel_at_period_end": True})
    paid.settle()
    page = read(payer, page_of(higher))
    assert "Pro is cancelled" in page
    assert 'action="/billing/cancel/undo"' in page


def test_other_roles_are_told_whom_to_ask(payer: Org, higher: MadePlan) -> None:
    page = read(payer, page_of(higher), role="viewer")
    assert "Your role cannot change the plan." in page
    assert 'name="quote"' not in page


def test_without_stripe_the_page_says_so(paid: Scenario, payer: Org, higher: MadePlan) -> None:
    read(payer, page_of(higher))
    paid.stripe.fail("503", times=9)
    page = text_of(payer.browser().get(page_of(higher)))
    assert f"No price for {higher.key} right now" in page
    assert "you will not be charged twice" in page


def test_usage_that_is_owed_stays_owed_and_the_page_says_how_much(payer: Org, higher: MadePlan) -> None:
    payer.uses(60_000, at="2026-12-01 12:00")
    assert "Usage before the change stays owed: $100.00 of it" in read(payer, page_of(higher))


def test_the_page_asks_the_database_little(paid: Scenario, payer: Org, higher: MadePlan) -> None:
    read(payer, page_of(higher))
    browser = payer.browser()
    with paid.statements() as asked:
        text_of(browser.get(page_of(higher)))
    assert len(asked) <= 9, asked


@pytest.mark.slow
def test_an_upgrade_takes_the_place_of_what_is_planned(paid: Scenario, payer: Org, lower: MadePlan) -> None:
    post(payer, read(payer, page_of(lower)), f"Change to {lower.key} on 21 December 2026")
    with only_here(paid, ("USD", "99.00", "990.00")) as higher:
        page = read(payer, page_of(higher))
        assert "<strong>$99.00</strong>" in page
        assert "then every month, before tax" in page
        assert press(payer, page_of(higher)).status_code == 303
        assert f"You are on {higher.key} now" in read(payer, "/billing")
        assert "Keep Pro as it is" not in read(payer, "/billing")


@pytest.mark.slow
def test_an_unpaid_upgrade_is_shown_beside_what_stays_planned(paid: Scenario, payer: Org, lower: MadePlan) -> None:
    post(payer, read(payer, page_of(lower)), f"Change to {lower.key} on 21 December 2026")
    use_card(paid, payer, DECLINES)
    with only_here(paid, ("USD", "99.00", "990.00")) as higher:
        press(payer, page_of(higher))
        page = read(payer, "/billing")
        assert f"The payment for {higher.key} was declined" in page
        assert f"<h2>Pro changes to {lower.key} on 21 December 2026</h2>" in page
        assert f"This is dropped if the change to {higher.key} is paid." in page


@pytest.mark.slow
def test_in_the_last_day_of_what_is_planned_it_is_undone_first(paid: Scenario, payer: Org, lower: MadePlan) -> None:
    post(payer, read(payer, page_of(lower)), f"Change to {lower.key} on 21 December 2026")
    paid.later(days=14, hours=12)
    page = read(payer, YEARLY)
    assert "Another change takes effect soon" in page
    assert post(payer, page, "Keep Pro as it is").status_code == 303
    assert 'name="quote"' in read(payer, YEARLY)
