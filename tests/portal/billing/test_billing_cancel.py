"""Cancelling, taking it back, changing the card and paying what is owed: through Stripe, and said before it is done."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.pages import send
from tests.portal.billing.test_billing_upgrade import back, press
from tests.portal.paying import payer
from tests.portal.stage import Cast, Stage, text_of
from tests.standin import StandIn


def read(browser: FlaskClient, path: str = "/billing") -> str:
    return text_of(browser.get(path))


@pytest.fixture
def buyer(paid: Stage, standin: StandIn) -> Cast:
    """An org that has just bought Pro."""
    cast = paid.org(calls=900)
    assert "You are on Pro" in back(cast.browser, standin.pay(press(cast.browser)).location)
    return cast


def test_the_page_says_what_stays_until_when_and_what_changes_then(paid: Stage) -> None:
    page = read(payer(paid, calls=2000).browser, "/billing/cancel")
    assert "Until 1 December 2026" in page
    assert "1 Dec 2026, 00:00 UTC" in page
    assert "You are on Free, and its limits hold. Nothing is deleted" in page
    assert "API calls: 2,000 used this period, Free allows 1,000." in page
    assert 'data-label="Free">1,000' in page


def test_cancelling_keeps_the_plan_to_its_end_and_can_be_undone(buyer: Cast, standin: StandIn) -> None:
    answer = send(buyer.browser, "/billing/cancel", "/billing/cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/billing")
    page = read(buyer.browser)
    assert "Pro ends on 21 December 2026, 12:00 UTC" in page
    assert standin.objects("subscription")[0]["cancel_at_period_end"] is True
    assert "Pro was set to end with its paid time" in page
    assert send(buyer.browser, "/billing/cancel/undo", "/billing/cancel").status_code == 303
    page = read(buyer.browser)
    assert "Pro renews on 21 December 2026" in page
    assert "Pro goes on after all" in page
    assert standin.objects("subscription")[0]["cancel_at_period_end"] is False


def test_cancelling_twice_says_the_same(buyer: Cast) -> None:
    for _ in range(2):
        assert send(buyer.browser, "/billing/cancel").status_code == 303
    assert "Pro is cancelled already" in read(buyer.browser, "/billing/cancel")


def test_without_a_paid_plan_there_is_nothing_to_cancel(paid: Stage) -> None:
    cast = paid.org()
    assert "there is nothing to cancel" in read(cast.browser, "/billing/cancel")
    assert send(cast.browser, "/billing/cancel").status_code == 409


def test_stripe_away_cancels_nothing_and_says_so(buyer: Cast, standin: StandIn) -> None:
    standin.fail("500", times=9)
    answer = send(buyer.browser, "/billing/cancel")
    assert "This did not work" in text_of(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    assert "Pro renews on" in read(buyer.browser)


def test_a_viewer_reads_whom_to_ask(paid: Stage) -> None:
    page = read(paid.member(payer(paid).org, "viewer"), "/billing/cancel")
    assert "Your role cannot cancel the plan." in page
    assert 'action="/billing/cancel"' not in page


def test_the_card_is_changed_on_the_page_of_stripe(buyer: Cast, standin: StandIn) -> None:
    answer = send(buyer.browser, "/billing/card", "/billing")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(standin.url)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Location"] not in read(buyer.browser)


def test_with_nothing_owed_there_is_nothing_to_pay(buyer: Cast) -> None:
    answer = send(buyer.browser, "/billing/pay")
    assert answer.status_code == 409
    assert "You have no unpaid invoice." in answer.get_data(as_text=True)
