"""Cancelling, taking it back, changing the card and paying what is owed: through Stripe, and said before it is done."""

from __future__ import annotations

import psycopg
import pytest
from flask.testing import FlaskClient

from sandbox.standin.http.app import Exchange
from tests.factories import utc
from tests.pages import send, text_of
from tests.portal.billing.test_billing_upgrade import back, press
from tests.scenario import Org, Scenario
from tests.scenario.mirrors import payer
from tests.standin import StandIn
from tests.support.copy import copy
from tests.today import NOON


def read(browser: FlaskClient, path: str = "/billing") -> str:
    return text_of(browser.get(path))


@pytest.fixture
def buyer(paid: Scenario, standin: StandIn) -> Org:
    """An org that has just bought Pro."""
    org = paid.org().uses(900)
    assert copy("returned.given", plan="Pro") in back(org.browser(), standin.pay(press(org.browser())).location)
    return org


def test_the_page_says_what_stays_until_when_and_what_changes_then(paid: Scenario) -> None:
    page = read(payer(paid, calls=2000).browser(), "/billing/cancel")
    assert copy("cancel.until", date="1 December 2026") in page
    assert "1 Dec 2026, 00:00 UTC" in page
    assert copy("cancel.after", plan="Free") in page
    assert copy("cancel.unfit", meter="API calls", used="2,000", plan="Free", allowance="1,000") in page
    assert 'data-label="Free">1,000' in page


def test_the_page_names_what_was_agreed_and_ends_with_the_plan(paid: Scenario) -> None:
    org = payer(paid).agrees("allowance:api_calls", 90000).agrees("limit:jobs_at_once", 7, stays=True)
    org.agrees("per_day:api_calls", 5000, ends_at=utc("2026-11-25"))
    page = read(org.browser(), "/billing/cancel")
    assert copy("cancel.lost", plan="Pro") in page
    assert "<li>API calls: allowance, 90,000 calls</li>" in page
    assert "Concurrent jobs, 7" not in page
    assert "limit a day, 5,000" not in page


def test_cancelling_keeps_the_plan_to_its_end_and_can_be_undone(buyer: Org, standin: StandIn) -> None:
    answer = send(buyer.browser(), "/billing/cancel", "/billing/cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/billing")
    page = read(buyer.browser())
    assert copy("billing.ends", plan="Pro", at="21 December 2026, 12:00 UTC") in page
    assert standin.objects("subscription")[0]["cancel_at_period_end"] is True
    assert copy("history.set_to_end", plan="Pro") in page
    assert send(buyer.browser(), "/billing/cancel/undo", "/billing/cancel").status_code == 303
    page = read(buyer.browser())
    assert copy("billing.renews", plan="Pro", date="21 December 2026") in page
    assert copy("history.goes_on", plan="Pro") in page
    assert standin.objects("subscription")[0]["cancel_at_period_end"] is False


def test_what_stripe_was_told_is_recorded_though_the_role_is_taken_away_meanwhile(
    paid: Scenario, buyer: Org, standin: StandIn
) -> None:
    """A transaction reads the role again before the call, and not after it: what was sent stands."""
    browser = buyer.browser()
    demoted = "UPDATE memberships SET role = 'viewer' WHERE org_id = %s"
    assert standin.app

    def demote(seen: Exchange) -> None:
        if seen.call.method == "POST" and seen.call.path.startswith("/v1/subscriptions/"):
            with psycopg.connect(paid.app.extensions["tollkeeper"].settings.database_url) as connection:
                connection.execute(demoted, (buyer.id,))

    standin.app.watchers.append(demote)
    assert send(browser, "/billing/cancel", "/billing/cancel").status_code == 303
    paid.session.rollback()
    assert buyer.mirror is not None
    assert buyer.mirror.cancel_at
    assert send(browser, "/billing/cancel/undo").status_code == 403


@pytest.mark.slow
def test_an_end_planned_in_stripes_portal_is_shown_everywhere_and_undone(
    paid: Scenario, buyer: Org, standin: StandIn
) -> None:
    [theirs] = standin.objects("subscription")
    standin.client().v1.subscriptions.update(theirs["id"], {"cancel_at": "min_period_end"})
    assert (theirs["cancel_at"], theirs["cancel_at_period_end"]) == (NOON.timestamp() + 30 * 86_400, False)
    paid.settle()
    page, end = read(buyer.browser()), "2026-12-21T12:00:00Z"
    assert copy("billing.ends", plan="Pro", at="21 December 2026, 12:00 UTC") in page
    assert copy("billing.no_more_payments") in page
    assert copy("next.not_renewed", plan="Pro") in page
    assert copy("billing.renews_on", plan="Pro") not in page
    assert copy("next.not_renewed", plan="Pro") in read(buyer.browser(), "/billing?exact=1")
    assert copy("banner.ends", plan="Pro", date="21 December 2026") in buyer.browser().get("/usage").text
    answer = paid.client.get("/api/v1/billing", headers=buyer.api("billing:read")).json
    assert (answer["subscription"]["ends_at"], answer["subscription"]["cancel_at_period_end"]) == (end, True)
    assert answer["next_invoice"] is None
    assert send(buyer.browser(), "/billing/cancel/undo", "/billing/cancel").status_code == 303
    assert copy("billing.renews", plan="Pro", date="21 December 2026") in read(buyer.browser())
    assert theirs["cancel_at"] is None


@pytest.mark.slow
def test_a_plan_that_ends_after_its_next_renewal_says_both(paid: Scenario, buyer: Org, standin: StandIn) -> None:
    [theirs] = standin.objects("subscription")
    standin.client().v1.subscriptions.update(theirs["id"], {"cancel_at": int(utc("2027-01-05 12:00").timestamp())})
    paid.settle()
    page = read(buyer.browser())
    assert copy("billing.ends", plan="Pro", at="5 January 2027, 12:00 UTC") in page
    assert copy("billing.renews_then_ends", plan="Pro", date="21 December 2026", end="5 January 2027") in page
    assert copy("billing.no_more_payments") not in page
    assert copy("next.shorter") in page
    assert copy("billing.exact") in read(buyer.browser(), "/billing?exact=1")
    answer = paid.client.get("/api/v1/billing", headers=buyer.api("billing:read")).json
    assert (answer["subscription"]["ends_at"], answer["subscription"]["cancel_at_period_end"]) == (
        "2027-01-05T12:00:00Z",
        False,
    )
    assert (answer["next_invoice"]["at"], answer["next_invoice"]["exact"]) == ("2026-12-21T12:00:00Z", True)
    assert send(buyer.browser(), "/billing/cancel").status_code == 303  # sooner, with the paid period
    assert copy("billing.no_more_payments") in read(buyer.browser())
    assert send(buyer.browser(), "/billing/cancel/undo", "/billing/cancel").status_code == 303
    assert theirs["cancel_at"] is None


@pytest.mark.slow
def test_cancelling_twice_says_the_same(buyer: Org) -> None:
    for _ in range(2):
        assert send(buyer.browser(), "/billing/cancel").status_code == 303
    assert copy("cancel.already", plan="Pro") in read(buyer.browser(), "/billing/cancel")


def test_without_a_paid_plan_there_is_nothing_to_cancel(paid: Scenario) -> None:
    org = paid.org()
    assert copy("cancel.nothing") in read(org.browser(), "/billing/cancel")
    assert send(org.browser(), "/billing/cancel").status_code == 409


def test_stripe_away_cancels_nothing_and_says_so(buyer: Org, standin: StandIn) -> None:
    standin.fail("500", times=9)
    answer = send(buyer.browser(), "/billing/cancel")
    assert copy("billing.failed_action") in text_of(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    assert copy("billing.renews_on", plan="Pro") in read(buyer.browser())


def test_a_viewer_reads_whom_to_ask(paid: Scenario) -> None:
    page = read(payer(paid).browser("viewer"), "/billing/cancel")
    assert copy("cancel.role") in page
    assert 'action="/billing/cancel"' not in page


@pytest.mark.slow
def test_the_card_is_changed_on_the_page_of_stripe(buyer: Org, standin: StandIn) -> None:
    answer = send(buyer.browser(), "/billing/card", "/billing")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(standin.url)
    assert answer.headers["Location"] not in read(buyer.browser())


def test_with_nothing_owed_there_is_nothing_to_pay(buyer: Org) -> None:
    answer = send(buyer.browser(), "/billing/pay")
    assert answer.status_code == 409
    assert copy("billing.nothing_open") in answer.get_data(as_text=True)
