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

from app.catalog.models import Plan
from app.web.database import transaction
from tests.pages import csrf_token, send
from tests.portal.paying import payer, visit
from tests.portal.stage import Cast, Stage, text_of
from tests.standin import StandIn, hurried

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


@contextmanager
def private(paid: Stage, plan: str) -> Iterator[None]:
    """Sell a plan to nobody for a while."""

    def sell(*, public: bool) -> None:
        with paid.app.app_context(), transaction() as session:
            session.execute(update(Plan).where(Plan.key == plan).values(public=public))

    sell(public=False)
    try:
        yield
    finally:
        sell(public=True)


def limit_of(paid: Stage, cast: Cast) -> int:
    return int(paid.app.test_client().get("/api/v1/limits", headers=paid.key(cast.org)).json["meters"][0]["allowance"])  # type: ignore[index]


def test_the_page_says_the_money_today_and_next_and_opens_nothing(paid: Stage, standin: StandIn) -> None:
    page = read(paid.org(zone="Europe/Berlin").browser)
    assert "<dt>Today</dt><dd><strong>$49.00</strong>" in page
    assert "21 Dec 2026, 13:00 Europe/Berlin" in page
    assert "Go to payment, $49.00 today" in page
    assert 'data-label="Pro">50,000' in page
    assert not standin.calls


@pytest.mark.parametrize(
    ("query", "today", "again"),
    [
        ("?interval=year", "$490.00", "21 Nov 2027, 12:00 UTC"),
        ("?currency=EUR", "€46.00", "21 Dec 2026, 12:00 UTC"),
        ("?currency=JPY&interval=year", "¥74,000", "21 Nov 2027, 12:00 UTC"),
        ("?currency=XXX&interval=week", "$49.00", "21 Dec 2026, 12:00 UTC"),
    ],
)
def test_interval_and_currency_are_chosen_by_link(paid: Stage, query: str, today: str, again: str) -> None:
    page = read(paid.org().browser, f"{UPGRADE}{query}")
    assert f"Go to payment, {today} today" in page
    assert again in page


def test_an_org_with_a_currency_is_offered_no_other(paid: Stage) -> None:
    page = read(paid.org(currency="EUR").browser, f"{UPGRADE}?currency=USD")
    assert "Go to payment, €46.00 today" in page
    assert 'aria-label="Currency"' not in page


def test_paying_raises_the_limits_and_the_return_page_says_so(paid: Stage, standin: StandIn) -> None:
    cast = paid.org(calls=1000)
    where = press(cast.browser)
    assert where.startswith(standin.url)
    page = back(cast.browser, standin.pay(where).location)
    assert "You are on Pro" in page
    assert "$49.00" in page
    assert "Visa 4242" in page
    assert "21 December 2026, 12:00 UTC" in page
    assert "http-equiv" not in page
    assert "hx-get" not in page
    assert limit_of(paid, cast) == 50_000
    billing = read(cast.browser, "/billing")
    assert "Visa ending 4242" in billing
    assert "$49.00 paid." in billing
    assert len(standin.objects("subscription")) == 1


def test_the_exact_amount_comes_from_stripe(paid: Stage, standin: StandIn) -> None:
    cast = paid.org()
    back(cast.browser, standin.pay(press(cast.browser)).location)
    assert "As Stripe works it out now, with tax and discounts." in read(cast.browser, "/billing?exact=1")
    standin.fail("500", times=5)
    page = read(cast.browser, "/billing?exact=1")
    assert "Stripe does not answer at the moment; look again later for the exact amount." in page
    assert "$49.00" in page


def test_two_presses_lead_to_the_same_page(paid: Stage, standin: StandIn) -> None:
    browser = paid.org().browser
    assert press(browser) == press(browser)
    assert "Go back to payment, $49.00 today" in read(browser)
    assert len(standin.objects("checkout.session")) == 1


def test_a_declined_card_is_not_paid_and_a_good_one_then_is(paid: Stage, standin: StandIn) -> None:
    cast = paid.org(calls=1000)
    where = press(cast.browser)
    assert standin.pay(where, DECLINED).location is None
    session = standin.objects("checkout.session")[0]
    address = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    page = back(cast.browser, address)
    assert "Asking Stripe" in page
    assert "You are on Pro" not in page
    assert limit_of(paid, cast) == 1000
    assert "You are on Pro" in back(cast.browser, standin.pay(where).location)


def test_a_bank_debit_on_its_way_is_not_called_paid_at_any_look(paid: Stage, standin: StandIn) -> None:
    cast = paid.org()
    location = standin.pay(press(cast.browser)).location
    standin.objects("checkout.session")[0]["payment_status"] = "unpaid"
    bill = standin.objects("invoice")[0]
    bill.update(status="open", amount_paid=0, amount_remaining=bill["amount_due"])
    standin.objects("payment_intent")[0]["status"] = "processing"
    for _ in range(2):
        page = back(cast.browser, location)
        assert "Waiting for the payment" in page
        assert "confirmed the payment" not in page


def test_without_scripts_the_page_looks_again_by_itself_and_stops_after_half_a_minute(
    paid: Stage, standin: StandIn
) -> None:
    cast = paid.org()
    press(cast.browser)
    session = standin.objects("checkout.session")[0]
    address = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    page = back(cast.browser, address)
    assert re.search(
        r'<noscript><!--[^>]*--><meta http-equiv="refresh" content="2;url=/billing/return\?[^"]*looks=1">', page
    )
    assert 'hx-trigger="click, load delay:2s, shown"' in page
    late = back(cast.browser, f"{address}&looks=15")
    assert "http-equiv" not in late
    assert "delay:2s" not in late
    assert "Nothing was charged." in late
    assert "Look again" in late


def test_a_look_by_htmx_is_a_block_of_the_page(paid: Stage, standin: StandIn) -> None:
    cast = paid.org()
    checkout = visit(paid, cast, state="expired", session_id="cs_test_x")
    path = f"/billing/return?checkout={checkout}&session_id=cs_test_x"
    part = read(cast.browser, path, **{"HX-Request": "true", "HX-Target": "result"})
    assert part.strip() in read(cast.browser, path)
    assert "The payment page has closed" in part
    assert not standin.calls


@pytest.mark.parametrize("looks", ["²", "-1", "1e3", "99999", ""])
def test_looks_that_are_no_number_count_as_none(paid: Stage, looks: str) -> None:
    cast = paid.org()
    checkout = visit(paid, cast, state="expired", session_id=f"cs_test_{cast.org.hex}")
    path = f"/billing/return?checkout={checkout}&session_id=cs_test_{cast.org.hex}&looks={looks}"
    assert "The payment page has closed" in read(cast.browser, path)


def test_leaving_the_page_of_stripe_says_that_nothing_was_charged(paid: Stage, standin: StandIn) -> None:
    browser = paid.org().browser
    page = back(browser, standin.leave(press(browser)).location)
    assert "Nothing was charged" in page
    assert "Go back to payment" in page


def test_the_address_of_the_return_page_proves_nothing(paid: Stage, standin: StandIn) -> None:
    cast = paid.org()
    press(cast.browser)
    session = standin.objects("checkout.session")[0]
    checkout = re.search(r"checkout=([0-9a-f-]+)", session["success_url"])
    assert checkout
    for query in (f"checkout={checkout[1]}&session_id=cs_test_other", f"checkout={checkout[1]}", "session_id=x",
                  f"checkout=nonsense&session_id={session['id']}"):  # fmt: skip
        assert cast.browser.get(f"/billing/return?{query}").status_code == 404
    opening = visit(paid, cast := paid.org(), state="opening")
    assert cast.browser.get(f"/billing/return?checkout={opening}&session_id=cs%00").status_code == 404
    other = paid.org()
    address = f"/billing/return?checkout={checkout[1]}&session_id={session['id']}"
    assert other.browser.get(address).status_code == 404


def test_stripe_away_is_said_soon_after_a_page_s_limit_with_what_to_do(paid: Stage, standin: StandIn) -> None:
    paid.app.extensions["tollkeeper.stripe"] = hurried(paid.app)
    browser = paid.org().browser
    read(browser)
    standin.fail("slow", times=9, seconds=3)
    begun = time.monotonic()
    answer = push(browser)
    assert time.monotonic() - begun < 4
    assert "never taken twice" in text_of(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


def test_the_return_page_says_that_it_does_not_know_while_stripe_is_away(paid: Stage, standin: StandIn) -> None:
    cast = paid.org()
    location = standin.pay(press(cast.browser)).location
    standin.fail("500", times=9)
    page = back(cast.browser, location)
    assert "Stripe does not answer" in page
    assert "You are on Pro" not in page
    assert 'http-equiv="refresh"' in page


def test_a_price_that_changed_meanwhile_is_shown_before_it_is_paid(paid: Stage, standin: StandIn) -> None:
    answer = push(paid.org().browser, version="0199c2f0-0000-7000-8000-000000000000")
    assert answer.status_code == 409
    assert "The plan has changed since you opened this page." in answer.get_data(as_text=True)
    assert not standin.calls


def test_a_paying_org_is_told_what_it_can_do(paid: Stage) -> None:
    cast = payer(paid)
    assert "You are on this plan" in read(cast.browser)
    assert '<a href="/billing/cancel">Cancel Pro</a>' in read(cast.browser, "/billing/upgrade/free")


def test_a_viewer_reads_the_price_and_whom_to_ask(paid: Stage) -> None:
    page = read(paid.member(paid.org().org, "viewer"))
    assert "Pro is $49.00 today, then $49.00 each month, before tax." in page
    assert "Ada Example" in page
    assert "Go to payment" not in page


def test_without_payments_the_page_says_so(stage: Stage) -> None:
    browser = stage.org().browser
    assert "Payments are not switched on" in read(browser)
    answer = send(browser, UPGRADE, version="x")
    assert answer.status_code == 409
    assert csrf_token(browser)


def test_a_private_plan_is_not_for_sale_to_the_org_that_is_on_it(paid: Stage) -> None:
    browser = paid.org(plan="pro").browser
    assert "Go to payment" in read(browser)
    with private(paid, "pro"):
        assert "You are on this plan" in read(browser)
        assert paid.org().browser.get(UPGRADE).status_code == 404


def test_an_unknown_plan_is_not_found(paid: Stage) -> None:
    assert paid.org().browser.get("/billing/upgrade/nope").status_code == 404


def test_the_prompt_the_plans_page_and_the_refusal_lead_to_the_same_page(paid: Stage) -> None:
    cast = paid.org(calls=1000)
    assert 'href="/billing/upgrade/pro?interval=month&currency=USD"' in read(cast.browser, "/dashboard")
    assert "Upgrade to Pro, $49 a month" in read(cast.browser, "/dashboard")
    assert 'href="/billing/upgrade/pro?interval=month&currency=USD"' in read(cast.browser, "/plans")
    refused = paid.app.test_client().post(
        "/api/v1/usage/events", json={"id": "e1", "meter": "api_calls", "quantity": 1}, headers=paid.key(cast.org)
    )
    assert refused.json
    assert refused.json["upgrade_url"] == "http://localhost/billing/upgrade/pro"


def test_no_plan_is_named_for_a_meter_that_none_has(paid: Stage) -> None:
    asked = {"checks": [{"meter": "no_such"}, {"meter": "api_calls", "quantity": 5000}]}
    headers = paid.key(paid.org().org)
    answer = paid.app.test_client().post("/api/v1/usage/check", json=asked, headers=headers).json
    assert answer
    links = ["http://localhost/plans", "http://localhost/billing/upgrade/pro"]
    assert [each["upgrade_url"] for each in answer["checks"]] == links
