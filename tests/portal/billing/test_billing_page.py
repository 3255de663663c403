"""/billing: plan, next payment, card, history with filters and file, who may act, and what it asks of the database."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.factories import utc
from tests.pages import send, text_of
from tests.scenario import Scenario
from tests.scenario.mirrors import payer, record, visit
from tests.support.copy import copy

ACTS = ["/billing/card", "/billing/pay", "/billing/cancel", "/billing/cancel/undo", "/billing/upgrade/pro"]


def read(browser: FlaskClient, path: str = "/billing", status: int = 200) -> str:
    return text_of(browser.get(path), status)


def test_an_org_that_never_paid_reads_what_would_stand_here(scenario: Scenario) -> None:
    page = read(scenario.org().browser())
    assert copy("billing.no_payments") in page
    assert copy("billing.nothing_due") in page
    assert copy("billing.no_card") in page
    assert copy("billing.change_card") not in page


def test_a_paying_org_reads_plan_money_date_and_card(paid: Scenario) -> None:
    page = read(payer(paid, zone="Europe/Berlin").browser())
    assert copy("billing.fee", amount="$49.00") in page
    assert copy("billing.renews_each_month", plan="Pro", date="1 December 2026") in page
    assert "1 Dec 2026, 01:00 Europe/Berlin" in page
    assert "Visa ending 4242" in page
    assert copy("billing.card_expires", month="12/2034") in page
    assert copy("billing.zone", zone="Europe/Berlin") in page
    assert "TK-" in page
    assert copy("history.began", plan="Pro") in page


def test_a_failed_payment_says_until_when_the_limits_stay_and_offers_to_pay(paid: Scenario) -> None:
    page = read(payer(paid, state="past_due").browser())
    assert copy("billing.payment_failed", amount="$49.00") in page
    assert copy("billing.grace", plan="Pro", at="28 November 2026, 12:00 UTC", free="Free") in page
    assert 'action="/billing/pay"' in page
    assert copy("billing.tries_again") in page
    assert "Your card was declined." in page


def test_after_the_grace_it_says_that_the_free_limits_hold(paid: Scenario) -> None:
    page = read(payer(paid, state="past_due", limited=True).browser())
    assert copy("billing.overdue", amount="$49.00") in page
    assert copy("billing.limited", free="Free", plan="Pro") in page


def test_a_planned_end_can_be_undone_and_nothing_more_is_taken(paid: Scenario) -> None:
    page = read(payer(paid, cancels=True).browser())
    assert copy("billing.ends", plan="Pro", at="1 December 2026, 00:00 UTC") in page
    assert copy("billing.no_more_payments") in page
    assert 'action="/billing/cancel/undo"' in page
    assert copy("billing.cancel") not in page


@pytest.mark.parametrize(
    ("month", "words"),
    [(10, copy("billing.card_expired")), (11, copy("billing.card_this_month")), (12, copy("billing.card_next_month"))],
)
def test_a_card_near_its_end_is_named(paid: Scenario, month: int, words: str) -> None:
    assert words in read(payer(paid, card={"card_exp_month": month, "card_exp_year": 2026}).browser())


def test_an_open_payment_page_is_named_with_the_way_back(paid: Scenario) -> None:
    org = paid.org()
    visit(org)
    page = read(org.browser())
    assert copy("billing.page_open") in page
    assert 'href="/billing/upgrade/pro?interval=month&currency=USD"' in page


def test_a_plan_by_agreement_is_billed_by_the_team(paid: Scenario) -> None:
    page = read(paid.org().on("pro").browser())
    assert copy("billing.agreement") in page
    assert copy("billing.cancel") not in page


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_who_may_not_act_reads_the_bills_and_whom_to_ask(paid: Scenario, role: str) -> None:
    org = payer(paid, state="past_due")
    browser = org.browser(role)
    page = read(browser)
    assert "TK-" in page
    assert "Ada Example" in page
    assert "mailto:" in page
    assert 'action="/billing/' not in page.replace('action="/billing#history"', "")
    assert "Pay</a>" not in page
    for act in ACTS:
        assert send(browser, act).status_code == 403, act


@pytest.mark.parametrize("role", ["owner", "admin", "billing"])
def test_who_may_act_gets_the_buttons(paid: Scenario, role: str) -> None:
    page = read(payer(paid).browser(role))
    assert copy("billing.change_card") in page
    assert 'href="/billing/cancel"' in page


def test_a_visitor_is_asked_to_sign_in_and_comes_back(paid: Scenario) -> None:
    answer = paid.app.test_client().get("/billing/upgrade/pro?interval=year")
    assert answer.status_code == 303
    assert "next=/billing/upgrade/pro?interval%3Dyear" in answer.headers["Location"]


def test_without_payments_the_page_says_so_and_acts_change_nothing(scenario: Scenario) -> None:
    org = scenario.org()
    assert copy("billing.payments_off") in read(org.browser())
    for act in ("/billing/card", "/billing/pay", "/billing/cancel", "/billing/cancel/undo"):
        answer = send(org.browser(), act)
        assert copy("billing.payments_off") in text_of(answer, 409)
        assert "Retry-After" not in answer.headers


def test_filters_stand_in_the_address_and_in_the_file(paid: Scenario) -> None:
    org = payer(paid, records=3)
    record(org, state="failed", failure="Your card has insufficient funds.", amount=100)
    page = read(org.browser(), "/billing?state=failed")
    assert "insufficient funds" in page
    assert page.count('class="badge is-good"') == 1  # the plan's own
    assert "/billing/history.csv?state=failed" in page
    lines = list(csv.DictReader(io.StringIO(org.browser().get("/billing/history.csv?state=failed").text)))
    assert [(each["state"], each["amount"], each["currency"]) for each in lines] == [("failed", "1.00", "USD")]


def test_days_are_those_of_the_org(paid: Scenario) -> None:
    org = payer(paid, records=0, zone="Pacific/Auckland")
    record(org, created_at=utc("2026-11-09 23:00"), settled_at=utc("2026-11-09 23:00"))
    assert copy("billing.filtered_total", amount="$49.00") in read(
        org.browser(), "/billing?from=2026-11-10&to=2026-11-10"
    )
    assert copy("billing.filtered_empty") in read(org.browser(), "/billing?from=2026-11-09&to=2026-11-09")


@pytest.mark.parametrize("query", ["state=nope&from=2026-13-45&to=never", "to=9999-12-31", "from=0001-01-01"])
def test_a_filter_that_means_nothing_filters_nothing(paid: Scenario, query: str) -> None:
    browser = payer(paid, zone="Pacific/Auckland").browser()
    assert "TK-" in read(browser, f"/billing?{query}")
    assert "TK-" in text_of(browser.get(f"/billing/history.csv?{query}"))


def test_a_cursor_that_is_not_ours_is_refused(paid: Scenario) -> None:
    browser = payer(paid).browser()
    for cursor in ("zzz", "WyJhIiwiYiJd"):
        assert browser.get(f"/billing?next={cursor}").status_code == 400


def test_pages_of_a_long_history_have_each_record_once(paid: Scenario) -> None:
    org = payer(paid, records=0)
    for number in range(45):
        at = paid.clock.at - timedelta(hours=number // 2)  # two of one instant
        record(org, description=f"Number {number}.", created_at=at, settled_at=at)
    seen: list[str] = []
    path = "/billing"
    for _ in range(3):
        page = read(org.browser(), path)
        seen += [line.split("<")[0] for line in page.split('data-label="What">')[1:]]
        found = page.partition('" rel="next"')[0]
        path = found[found.rindex('href="') + 6 :] if 'rel="next"' in page else ""
    assert sorted(seen) == sorted(f"Number {number}." for number in range(45))
    assert path == ""
    assert len(org.browser().get("/billing/history.csv").text.splitlines()) == 46


def test_totals_count_what_came_and_what_went_back(paid: Scenario) -> None:
    org = payer(paid, records=2)
    record(org, state="refunded", refunded=1000)
    record(org, state="pending", settled_at=None)
    record(org, currency="JPY", amount=7400)
    page = read(org.browser())
    assert copy("billing.total_refunded", amount="$147.00", refunded="$10.00") in page
    assert copy("billing.total", amount="¥7,400") in page
    assert "Partly refunded" in page


def test_no_cell_of_the_file_becomes_a_formula(paid: Scenario) -> None:
    org = paid.org()
    record(org, description='=HYPERLINK("http://evil")')
    [line] = csv.DictReader(io.StringIO(org.browser().get("/billing/history.csv").text))
    assert line["description"].startswith("'=")
    assert line["amount"] == "49.00"


def test_another_org_sees_nothing_of_it(paid: Scenario) -> None:
    org, other = payer(paid), paid.org()
    record(org, description="Ours alone")
    assert "Ours alone" not in read(other.browser())
    assert "Ours alone" not in other.browser().get("/billing/history.csv").text
    checkout = visit(org, session_id="cs_test_theirs")
    assert other.browser().get(f"/billing/return?checkout={checkout}&session_id=cs_test_theirs").status_code == 404


def test_members_read_what_is_agreed_and_others_read_nothing_of_it(paid: Scenario) -> None:
    org = payer(paid)
    assert copy("billing.agreed") not in read(org.browser("viewer"))
    org.agrees("limit:jobs_at_once", 7, ends_at=utc("2027-02-01")).agrees(
        "overage_price:api_calls", "0.0001", stays=True
    )
    page = read(org.browser("viewer"))
    for words in (copy("billing.agreed"), "Concurrent jobs", "1 Feb 2027, 00:00 UTC", "Agreed by email",
                  "API calls: price above the allowance", "$0.0001 each", "No end date"):  # fmt: skip
        assert words in page
    assert page.count("Ends with your plan") == 1


@pytest.mark.parametrize("role", ["owner", "viewer"])
@pytest.mark.parametrize(
    ("path", "budget"), [("/billing", 6), ("/billing/upgrade/pro", 6), ("/billing/cancel", 6), ("/plans", 6)]
)
def test_the_pages_ask_the_database_little(paid: Scenario, role: str, path: str, budget: int) -> None:
    browser = payer(paid, records=5).browser(role)
    with paid.statements() as asked:
        read(browser, path)
    assert len(asked) <= budget, asked


def test_the_fragment_is_contained_in_the_page(paid: Scenario) -> None:
    browser = payer(paid).browser()
    part = browser.get("/billing", headers={"HX-Request": "true", "HX-Target": "next"})
    assert "HX-Request" in part.headers["Vary"]
    assert part.get_data(as_text=True).strip() in browser.get("/billing").get_data(as_text=True)


@pytest.mark.parametrize(
    ("state", "limited", "cancels", "words"),
    [
        (
            "past_due",
            False,
            False,
            copy("banner.failed", plan="Pro", at="28 November 2026, 12:00 UTC"),
        ),
        ("past_due", True, False, copy("banner.limited")),
        ("active", False, True, copy("banner.ends", plan="Pro", date="1 December 2026")),
    ],
)
def test_every_page_has_the_banner(paid: Scenario, state: str, limited: bool, cancels: bool, words: str) -> None:
    org = payer(paid, state=state, limited=limited, cancels=cancels)
    for path in ("/dashboard", "/usage", "/plans", "/settings", "/settings/keys"):
        assert words in read(org.browser(), path), path
    viewer = read(org.browser("viewer"), "/dashboard")
    assert words in viewer
    assert '<a href="/billing">Pay now' not in viewer
    assert words not in read(org.browser(), "/billing")  # which says it itself, and more


def test_an_org_in_order_has_no_banner(paid: Scenario) -> None:
    for org in (paid.org(), payer(paid)):
        assert 'aria-label="Billing"' not in read(org.browser(), "/dashboard")


def test_the_dashboard_does_not_say_that_all_is_fine_while_money_is_owed(paid: Scenario) -> None:
    assert copy("dashboard.failed") in read(payer(paid, state="past_due").browser(), "/dashboard")
    assert copy("dashboard.limited") in read(payer(paid, state="past_due", limited=True).browser(), "/dashboard")


def test_forms_may_lead_to_the_pages_of_stripe_only_where_payments_are_on(scenario: Scenario, paid: Scenario) -> None:
    host = paid.app.extensions["tollkeeper"].settings.stripe_page_hosts[0]
    policy = paid.app.test_client().get("/plans").headers["Content-Security-Policy"]
    assert f"form-action 'self' {host};" in policy
    assert "form-action 'self';" in scenario.app.test_client().get("/plans").headers["Content-Security-Policy"]
