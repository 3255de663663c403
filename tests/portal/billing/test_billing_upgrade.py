"""From the limit to Stripe's page and back: the money said before, the truth said after, whatever happens between."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from app.accounts.models import Membership
from app.catalog.models import Plan
from app.metering.upgrade_url import PlansOnSale
from app.payments.gateway import EXTENSION
from app.web.database import transaction
from tests.pages import csrf_token, send, text_of
from tests.scenario import Org, Scenario
from tests.scenario.mirrors import payer, visit
from tests.standin import StandIn, hurried
from tests.support.copy import copy

DECLINED, SECURE = "4000000000000002", "4000002760003184"
UPGRADE = "/billing/upgrade/pro"


def read(browser: FlaskClient, path: str = UPGRADE, status: int = 200, **headers: str) -> str:
    return text_of(browser.get(path, headers=headers), status)


def press(browser: FlaskClient, path: str = UPGRADE, **changed: str) -> str:
    """Press the button of the page; answers where it leads."""
    answer = push(browser, path, **changed)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def push(browser: FlaskClient, path: str = UPGRADE, **changed: str):  # type: ignore[no-untyped-def]
    fields = dict(re.findall(r'name="(interval|currency|version|csrf_token)" value="([^"]*)"', read(browser, path)))
    return browser.post(urlsplit(path).path, data={**fields, **changed})


def back(browser: FlaskClient, location: str | None) -> str:
    """The page after Stripe's page."""
    assert location
    parts = urlsplit(location)
    return read(browser, f"{parts.path}?{parts.query}")


@pytest.fixture
def only_the_catalogue(paid: Scenario) -> None:
    """Plans that other tests made are on sale no more, nor remembered as such."""
    with paid.app.app_context(), transaction() as session:
        made = Plan.key.startswith("plan_", autoescape=True)
        session.execute(update(Plan).where(made).values(archived_at=paid.clock.at))
    paid.app.extensions["tollkeeper"].pool.shared(PlansOnSale).clear()


@contextmanager
def private(paid: Scenario, plan: str) -> Iterator[None]:
    """Sell a plan to nobody for a while."""

    def sell(*, public: bool) -> None:
        with paid.app.app_context(), transaction() as session:
            session.execute(update(Plan).where(Plan.key == plan).values(public=public))

    sell(public=False)
    try:
        yield
    finally:
        sell(public=True)


def limit_of(paid: Scenario, org: Org) -> int:
    return int(paid.app.test_client().get("/api/v1/limits", headers=org.api()).json["meters"][0]["allowance"])  # type: ignore[index]


def test_the_page_says_the_money_today_and_next_and_opens_nothing(paid: Scenario, standin: StandIn) -> None:
    page = read(paid.org(zone="Europe/Berlin").browser())
    assert "<dt>Today</dt><dd><strong>$49.00</strong>" in page
    assert "21 Dec 2026, 13:00 Europe/Berlin" in page
    assert copy("upgrade.pay", amount="$49.00") in page
    assert copy("upgrade.begins") in page
    assert 'data-label="Pro">50,000' in page
    assert not standin.calls


def test_what_was_agreed_on_the_plan_that_is_left_is_named(paid: Scenario) -> None:
    org = paid.org().agrees("allowance:api_calls", 3000).agrees("limit:jobs_at_once", 3, stays=True)
    page = read(org.browser())
    assert copy("upgrade.lost", plan="Free", what="API calls: allowance, 3,000 calls") in page
    assert "Concurrent jobs, 3" not in page


@pytest.mark.parametrize(
    ("query", "today", "again"),
    [
        ("?interval=year", "$490.00", "21 Nov 2027, 12:00 UTC"),
        ("?currency=EUR", "€46.00", "21 Dec 2026, 12:00 UTC"),
        ("?currency=JPY&interval=year", "¥74,000", "21 Nov 2027, 12:00 UTC"),
        ("?currency=XXX&interval=week", "$49.00", "21 Dec 2026, 12:00 UTC"),
    ],
)
def test_interval_and_currency_are_chosen_by_link(paid: Scenario, query: str, today: str, again: str) -> None:
    page = read(paid.org().browser(), f"{UPGRADE}{query}")
    assert copy("upgrade.pay", amount=today) in page
    assert again in page


def test_an_org_with_a_currency_is_offered_no_other(paid: Scenario) -> None:
    page = read(paid.org(currency="EUR").browser(), f"{UPGRADE}?currency=USD")
    assert copy("upgrade.pay", amount="€46.00") in page
    assert 'aria-label="Currency"' not in page


def test_paying_raises_the_limits_and_the_return_page_says_so(paid: Scenario, standin: StandIn) -> None:
    org = paid.org().uses(1000)
    where = press(org.browser())
    assert where.startswith(standin.url)
    page = back(org.browser(), standin.pay(where).location)
    assert copy("returned.given", plan="Pro") in page
    assert "$49.00" in page
    assert "Visa 4242" in page
    assert "21 December 2026, 12:00 UTC" in page
    assert "http-equiv" not in page
    assert "hx-get" not in page[page.index("<main") : page.index("</main>")]
    assert limit_of(paid, org) == 50_000
    billing = read(org.browser(), "/billing")
    assert "Visa ending 4242" in billing
    assert copy("billing.total", amount="$49.00") in billing
    assert len(standin.objects("subscription")) == 1


def test_the_exact_amount_comes_from_stripe(paid: Scenario, standin: StandIn) -> None:
    org = paid.org()
    back(org.browser(), standin.pay(press(org.browser())).location)
    assert copy("billing.exact") in read(org.browser(), "/billing?exact=1")
    standin.fail("500", times=5)
    page = read(org.browser(), "/billing?exact=1")
    assert copy("billing.exact_away") in page
    assert "$49.00" in page


def test_two_presses_lead_to_the_same_page(paid: Scenario, standin: StandIn) -> None:
    browser = paid.org().browser()
    assert press(browser) == press(browser)
    assert copy("upgrade.resume", amount="$49.00") in read(browser)
    assert len(standin.objects("checkout.session")) == 1


def test_a_declined_card_is_not_paid_and_a_good_one_then_is(paid: Scenario, standin: StandIn) -> None:
    org = paid.org().uses(1000)
    where = press(org.browser())
    assert standin.pay(where, DECLINED).location is None
    session = standin.objects("checkout.session")[0]
    address = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    page = back(org.browser(), address)
    assert copy("returned.asking") in page
    assert copy("returned.given", plan="Pro") not in page
    assert limit_of(paid, org) == 1000
    assert copy("returned.given", plan="Pro") in back(org.browser(), standin.pay(where).location)


def test_a_bank_debit_on_its_way_is_not_called_paid_at_any_look(paid: Scenario, standin: StandIn) -> None:
    org = paid.org()
    location = standin.pay(press(org.browser())).location
    standin.objects("checkout.session")[0]["payment_status"] = "unpaid"
    bill = standin.objects("invoice")[0]
    bill.update(status="open", amount_paid=0, amount_remaining=bill["amount_due"])
    standin.objects("payment_intent")[0]["status"] = "processing"
    for _ in range(2):
        page = back(org.browser(), location)
        assert copy("returned.waiting") in page
        assert copy("returned.confirmed") not in page


def test_without_scripts_the_page_looks_again_by_itself_and_stops_after_half_a_minute(
    paid: Scenario, standin: StandIn
) -> None:
    org = paid.org()
    press(org.browser())
    session = standin.objects("checkout.session")[0]
    address = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    page = back(org.browser(), address)
    assert re.search(
        r'<noscript><!--[^>]*--><meta http-equiv="refresh" content="2;url=/billing/return\?[^"]*looks=1">', page
    )
    assert 'hx-trigger="click, load delay:2s, shown"' in page
    late = back(org.browser(), f"{address}&looks=15")
    assert "http-equiv" not in late
    assert "delay:2s" not in late
    assert copy("returned.unpaid_late") in late
    assert copy("returned.look_again") in late


def test_a_look_by_htmx_is_a_block_of_the_page(paid: Scenario, standin: StandIn) -> None:
    org = paid.org()
    checkout = visit(org, state="expired", session_id="cs_test_x")
    path = f"/billing/return?checkout={checkout}&session_id=cs_test_x"
    part = read(org.browser(), path, **{"HX-Request": "true", "HX-Target": "result"})
    assert part.strip() in read(org.browser(), path)
    assert copy("returned.closed") in part
    assert not standin.calls


@pytest.mark.parametrize("looks", ["²", "-1", "1e3", "99999", ""])
def test_looks_that_are_no_number_count_as_none(paid: Scenario, looks: str) -> None:
    org = paid.org()
    checkout = visit(org, state="expired", session_id=f"cs_test_{org.id.hex}")
    path = f"/billing/return?checkout={checkout}&session_id=cs_test_{org.id.hex}&looks={looks}"
    assert copy("returned.closed") in read(org.browser(), path)


def test_leaving_the_page_of_stripe_says_that_nothing_was_charged(paid: Scenario, standin: StandIn) -> None:
    browser = paid.org().browser()
    page = back(browser, standin.leave(press(browser)).location)
    assert copy("returned.unpaid") in page
    assert copy("upgrade.resume_verb") in page


def test_the_address_of_the_return_page_proves_nothing(paid: Scenario, standin: StandIn) -> None:
    org = paid.org()
    press(org.browser())
    session = standin.objects("checkout.session")[0]
    checkout = re.search(r"checkout=([0-9a-f-]+)", session["success_url"])
    assert checkout
    for query in (f"checkout={checkout[1]}&session_id=cs_test_other", f"checkout={checkout[1]}", "session_id=x",
                  f"checkout=nonsense&session_id={session['id']}"):  # fmt: skip
        assert org.browser().get(f"/billing/return?{query}").status_code == 404
    opening = visit(org := paid.org(), state="opening")
    assert org.browser().get(f"/billing/return?checkout={opening}&session_id=cs%00").status_code == 404
    other = paid.org()
    address = f"/billing/return?checkout={checkout[1]}&session_id={session['id']}"
    assert other.browser().get(address).status_code == 404


def test_the_return_page_belongs_to_the_purchase_whichever_organisation_was_switched_to(
    paid: Scenario, standin: StandIn
) -> None:
    """P17: the owner of two pays for one and switches to the other meanwhile."""
    org, other = paid.org(name="Acme"), paid.org(name="Beta")
    location = standin.pay(press(org.browser())).location
    paid.session.rollback()
    paid.session.add(Membership(org_id=other.id, user_id=org.owner, role="viewer", created_at=org.now))
    paid.session.commit()
    browser = org.browser()
    fields = {"csrf_token": csrf_token(browser, "/billing"), "org_id": str(other.id)}
    assert browser.post("/orgs/switch", data=fields).status_code in {302, 303}
    page = back(browser, location)
    assert copy("returned.given", plan="Pro") in page
    assert copy("returned.elsewhere", org="Acme") in page
    assert "Switch to Acme" in page
    assert org.subscription is not None
    assert other.subscription is None


def test_a_page_of_another_organisation_buys_nothing(paid: Scenario, standin: StandIn) -> None:
    """The viewer switched in another tab, and presses the button of the page that was open before."""
    org, other = paid.org(), paid.org()
    assert f'name="org" value="{org.id}"' in read(org.browser())
    answer = push(org.browser(), org=str(other.id))
    assert copy("upgrade.switched") in text_of(answer, 409)
    assert not standin.objects("checkout.session")
    assert push(org.browser(), org=str(org.id)).status_code == 303


@pytest.mark.slow
def test_stripe_away_is_said_soon_after_the_page_limit_with_what_to_do(paid: Scenario, standin: StandIn) -> None:
    paid.app.extensions[EXTENSION] = hurried(paid.app)
    browser = paid.org().browser()
    read(browser)
    standin.fail("slow", times=9, seconds=3)
    begun = time.monotonic()
    answer = push(browser)
    assert time.monotonic() - begun < 4
    assert copy("upgrade.trouble_short") in text_of(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


def test_the_return_page_says_that_it_does_not_know_while_stripe_is_away(paid: Scenario, standin: StandIn) -> None:
    org = paid.org()
    location = standin.pay(press(org.browser())).location
    standin.fail("500", times=9)
    page = back(org.browser(), location)
    assert copy("returned.away") in page
    assert copy("returned.given", plan="Pro") not in page
    assert 'http-equiv="refresh"' in page


def test_a_price_that_changed_meanwhile_is_shown_before_it_is_paid(paid: Scenario, standin: StandIn) -> None:
    answer = push(paid.org().browser(), version="0199c2f0-0000-7000-8000-000000000000")
    assert answer.status_code == 409
    assert copy("upgrade.changed") in answer.get_data(as_text=True)
    assert not standin.calls


def test_a_paying_org_is_told_what_it_can_do(paid: Scenario) -> None:
    org = payer(paid)
    assert copy("upgrade.current") in read(org.browser())
    assert '<a href="/billing/cancel">Cancel Pro</a>' in read(org.browser(), "/billing/upgrade/free")


def test_a_viewer_reads_the_price_and_whom_to_ask(paid: Scenario) -> None:
    page = read(paid.org().browser("viewer"))
    assert copy("upgrade.price", plan="Pro", amount="$49.00") in page
    assert "Ada Example" in page
    assert copy("upgrade.pay_verb") not in page


def test_without_payments_the_page_says_so(scenario: Scenario) -> None:
    browser = scenario.org().browser()
    assert copy("billing.payments_off") in read(browser)
    answer = send(browser, UPGRADE, version="x")
    assert answer.status_code == 409
    assert csrf_token(browser)


def test_a_private_plan_is_not_for_sale_to_the_org_that_is_on_it(paid: Scenario) -> None:
    browser = paid.org().on("pro").browser()
    assert copy("upgrade.pay_verb") in read(browser)
    with private(paid, "pro"):
        assert copy("upgrade.current") in read(browser)
        assert paid.org().browser().get(UPGRADE).status_code == 404


def test_an_unknown_plan_is_not_found(paid: Scenario) -> None:
    assert paid.org().browser().get("/billing/upgrade/nope").status_code == 404


@pytest.mark.usefixtures("only_the_catalogue")
def test_the_prompt_the_plans_page_and_the_refusal_lead_to_the_same_page(paid: Scenario) -> None:
    org = paid.org().uses(1000)
    assert 'href="/billing/upgrade/pro?interval=month&currency=USD"' in read(org.browser(), "/dashboard")
    assert "Upgrade to Pro, $49 a month" in read(org.browser(), "/dashboard")
    assert 'href="/billing/upgrade/pro?interval=month&currency=USD"' in read(org.browser(), "/plans")
    refused = paid.app.test_client().post(
        "/api/v1/usage/events", json={"id": "e1", "meter": "api_calls", "quantity": 1}, headers=org.api()
    )
    assert refused.json
    assert refused.json["upgrade_url"] == "http://localhost/billing/upgrade/pro"


@pytest.mark.usefixtures("only_the_catalogue")
def test_no_plan_is_named_for_a_meter_that_none_has(paid: Scenario) -> None:
    asked = {"checks": [{"meter": "no_such"}, {"meter": "api_calls", "quantity": 5000}]}
    headers = paid.org().api()
    answer = paid.app.test_client().post("/api/v1/usage/check", json=asked, headers=headers).json
    assert answer
    links = ["http://localhost/plans", "http://localhost/billing/upgrade/pro"]
    assert [each["upgrade_url"] for each in answer["checks"]] == links


def test_who_leaves_stripes_page_comes_back_to_what_they_were_buying(paid: Scenario) -> None:
    """Fault P13: Pro by the year in euros; the next press resumes the same page of Stripe's."""
    org = paid.org()
    at_stripe = press(org.browser(), f"{UPGRADE}?interval=year&currency=EUR")
    [session] = paid.stripe.objects("checkout.session", customer=org.customer_id)
    parts = urlsplit(session["cancel_url"])
    page = f"{parts.path}?{parts.query}"
    shown = read(org.browser(), page)
    assert "€460" in shown
    assert press(org.browser(), page) == at_stripe
