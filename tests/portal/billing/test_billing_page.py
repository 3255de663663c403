"""/billing: plan, next payment, card, history with filters and file, who may act, and what it asks of the database."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.factories import utc
from tests.pages import send
from tests.portal.paying import payer, record, visit
from tests.portal.stage import Stage, text_of

ACTS = ["/billing/card", "/billing/pay", "/billing/cancel", "/billing/cancel/undo", "/billing/upgrade/pro"]


def read(browser: FlaskClient, path: str = "/billing", status: int = 200) -> str:
    return text_of(browser.get(path), status)


def test_an_org_that_never_paid_reads_what_would_stand_here(stage: Stage) -> None:
    page = read(stage.org().browser)
    assert "No payments yet" in page
    assert "Nothing is due, and nothing will be until you choose a plan that costs something." in page
    assert "No card" in page
    assert "Change the card" not in page


def test_a_paying_org_reads_plan_money_date_and_card(paid: Stage) -> None:
    page = read(payer(paid, zone="Europe/Berlin").browser)
    assert "$49.00 a month, before tax." in page
    assert "Pro renews on 1 December 2026, and on the same day of each month after that." in page
    assert "1 Dec 2026, 01:00 Europe/Berlin" in page
    assert "Visa ending 4242" in page
    assert "Expires 12/2034." in page
    assert "Days and times are those of Europe/Berlin." in page
    assert "TK-" in page
    assert "Pro began" in page


def test_a_failed_payment_says_until_when_the_limits_stay_and_offers_to_pay(paid: Stage) -> None:
    page = read(payer(paid, state="past_due").browser)
    assert "A payment of $49.00 failed" in page
    assert "The limits of Pro stay until 28 November 2026, 12:00 UTC, then those of Free hold." in page
    assert 'action="/billing/pay"' in page
    assert "Stripe tries the card again then, unless you pay before." in page
    assert "Your card was declined." in page


def test_after_the_grace_it_says_that_the_free_limits_hold(paid: Stage) -> None:
    page = read(payer(paid, state="past_due", limited=True).browser)
    assert "$49.00 is overdue" in page
    assert "The limits of Free hold until it is paid, and those of Pro at once after that." in page


def test_a_planned_end_can_be_undone_and_nothing_more_is_taken(paid: Stage) -> None:
    page = read(payer(paid, cancels=True).browser)
    assert "Pro ends on 1 December 2026, 00:00 UTC" in page
    assert "No more payments." in page
    assert 'action="/billing/cancel/undo"' in page
    assert "Cancel the plan" not in page


@pytest.mark.parametrize(
    ("month", "words"), [(10, "has expired"), (11, "end of this month"), (12, "end of next month")]
)
def test_a_card_near_its_end_is_named(paid: Stage, month: int, words: str) -> None:
    assert words in read(payer(paid, card={"card_exp_month": month, "card_exp_year": 2026}).browser)


def test_an_open_payment_page_is_named_with_the_way_back(paid: Stage) -> None:
    cast = paid.org()
    visit(paid, cast)
    page = read(cast.browser)
    assert "A payment page is still open" in page
    assert 'href="/billing/upgrade/pro?interval=month&currency=USD"' in page


def test_a_plan_by_agreement_is_billed_by_the_team(paid: Stage) -> None:
    page = read(paid.org(plan="pro").browser)
    assert "Your Tollkeeper team bills this plan by agreement" in page
    assert "Cancel the plan" not in page


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_who_may_not_act_reads_the_bills_and_whom_to_ask(paid: Stage, role: str) -> None:
    cast = payer(paid, state="past_due")
    browser = paid.member(cast.org, role)
    page = read(browser)
    assert "TK-" in page
    assert "Ada Example" in page
    assert "mailto:" in page
    assert 'action="/billing/' not in page.replace('action="/billing#history"', "")
    assert "Pay</a>" not in page
    for act in ACTS:
        assert send(browser, act).status_code == 403, act


@pytest.mark.parametrize("role", ["owner", "admin", "billing"])
def test_who_may_act_gets_the_buttons(paid: Stage, role: str) -> None:
    page = read(paid.member(payer(paid).org, role))
    assert "Change the card" in page
    assert 'href="/billing/cancel"' in page


def test_a_visitor_is_asked_to_sign_in_and_comes_back(paid: Stage) -> None:
    answer = paid.app.test_client().get("/billing/upgrade/pro?interval=year")
    assert answer.status_code == 303
    assert "next=/billing/upgrade/pro?interval%3Dyear" in answer.headers["Location"]


def test_without_payments_the_page_says_so_and_acts_change_nothing(stage: Stage) -> None:
    cast = stage.org()
    assert "Payments are not switched on" in read(cast.browser)
    for act in ("/billing/card", "/billing/pay", "/billing/cancel", "/billing/cancel/undo"):
        answer = send(cast.browser, act)
        assert "Payments are not switched on" in text_of(answer, 409)
        assert "Retry-After" not in answer.headers


def test_filters_stand_in_the_address_and_in_the_file(paid: Stage) -> None:
    cast = payer(paid, records=3)
    record(paid, cast, state="failed", failure="Your card has insufficient funds.", amount=100)
    page = read(cast.browser, "/billing?state=failed")
    assert "insufficient funds" in page
    assert page.count('class="badge is-good"') == 1  # the plan's own
    assert "/billing/history.csv?state=failed" in page
    lines = list(csv.DictReader(io.StringIO(cast.browser.get("/billing/history.csv?state=failed").text)))
    assert [(each["state"], each["amount"], each["currency"]) for each in lines] == [("failed", "1", "USD")]


def test_days_are_those_of_the_org(paid: Stage) -> None:
    cast = payer(paid, records=0, zone="Pacific/Auckland")
    record(paid, cast, created_at=utc("2026-11-09 23:00"), settled_at=utc("2026-11-09 23:00"))
    assert "$49.00 paid with these filters." in read(cast.browser, "/billing?from=2026-11-10&to=2026-11-10")
    assert "Nothing in these days or in this state." in read(cast.browser, "/billing?from=2026-11-09&to=2026-11-09")


@pytest.mark.parametrize("query", ["state=nope&from=2026-13-45&to=never", "to=9999-12-31", "from=0001-01-01"])
def test_a_filter_that_means_nothing_filters_nothing(paid: Stage, query: str) -> None:
    browser = payer(paid, zone="Pacific/Auckland").browser
    assert "TK-" in read(browser, f"/billing?{query}")
    assert "TK-" in text_of(browser.get(f"/billing/history.csv?{query}"))


def test_a_cursor_that_is_not_ours_is_refused(paid: Stage) -> None:
    browser = payer(paid).browser
    for cursor in ("zzz", "WyJhIiwiYiJd"):
        assert browser.get(f"/billing?next={cursor}").status_code == 400


def test_pages_of_a_long_history_have_each_record_once(paid: Stage) -> None:
    cast = payer(paid, records=0)
    for number in range(45):
        at = paid.clock.at - timedelta(hours=number // 2)  # two of one instant
        record(paid, cast, description=f"Number {number}.", created_at=at, settled_at=at)
    seen: list[str] = []
    path = "/billing"
    for _ in range(3):
        page = read(cast.browser, path)
        seen += [line.split("<")[0] for line in page.split('data-label="What">')[1:]]
        found = page.partition('" rel="next"')[0]
        path = found[found.rindex('href="') + 6 :] if 'rel="next"' in page else ""
    assert sorted(seen) == sorted(f"Number {number}." for number in range(45))
    assert path == ""
    assert len(cast.browser.get("/billing/history.csv").text.splitlines()) == 46


def test_totals_count_what_came_and_what_went_back(paid: Stage) -> None:
    cast = payer(paid, records=2)
    record(paid, cast, state="refunded", refunded=1000)
    record(paid, cast, state="pending", settled_at=None)
    record(paid, cast, currency="JPY", amount=7400)
    page = read(cast.browser)
    assert "$147.00 paid, $10.00 of it refunded." in page
    assert "¥7,400 paid." in page
    assert "Partly refunded" in page


def test_no_cell_of_the_file_becomes_a_formula(paid: Stage) -> None:
    cast = paid.org()
    record(paid, cast, description='=HYPERLINK("http://evil")')
    [line] = csv.DictReader(io.StringIO(cast.browser.get("/billing/history.csv").text))
    assert line["description"].startswith("'=")
    assert line["amount"] == "49"


def test_another_org_sees_nothing_of_it(paid: Stage) -> None:
    cast, other = payer(paid), paid.org()
    record(paid, cast, description="Ours alone")
    assert "Ours alone" not in read(other.browser)
    assert "Ours alone" not in other.browser.get("/billing/history.csv").text
    checkout = visit(paid, cast, session_id="cs_test_theirs")
    assert other.browser.get(f"/billing/return?checkout={checkout}&session_id=cs_test_theirs").status_code == 404


@pytest.mark.parametrize("role", ["owner", "viewer"])
@pytest.mark.parametrize("path", ["/billing", "/billing/upgrade/pro", "/billing/cancel", "/plans"])
def test_the_pages_ask_the_database_little(paid: Stage, role: str, path: str) -> None:
    browser = paid.member(payer(paid, records=5).org, role)
    with paid.statements() as asked:
        read(browser, path)
    assert len(asked) + 1 <= 7, asked


def test_the_fragment_is_contained_in_the_page(paid: Stage) -> None:
    browser = payer(paid).browser
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
            "A payment failed.</strong> The limits of Pro hold until 28 November 2026, 12:00 UTC",
        ),
        ("past_due", True, False, "A payment is overdue.</strong> Until it is paid the free limits hold"),
        ("active", False, True, "Pro ends on 1 December 2026.</strong>"),
    ],
)
def test_every_page_has_the_banner(paid: Stage, state: str, limited: bool, cancels: bool, words: str) -> None:
    cast = payer(paid, state=state, limited=limited, cancels=cancels)
    for path in ("/dashboard", "/usage", "/plans", "/settings", "/settings/keys"):
        assert words in read(cast.browser, path), path
    viewer = read(paid.member(cast.org, "viewer"), "/dashboard")
    assert words in viewer
    assert '<a href="/billing">Pay now' not in viewer
    assert words not in read(cast.browser, "/billing")  # which says it itself, and more


def test_an_org_in_order_has_no_banner(paid: Stage) -> None:
    for cast in (paid.org(), payer(paid)):
        assert 'aria-label="Billing"' not in read(cast.browser, "/dashboard")


def test_the_dashboard_does_not_say_that_all_is_fine_while_money_is_owed(paid: Stage) -> None:
    assert "Usage is fine; a payment failed." in read(payer(paid, state="past_due").browser, "/dashboard")
    assert "A payment is overdue: the free limits hold" in read(
        payer(paid, state="past_due", limited=True).browser, "/dashboard"
    )


def test_forms_may_lead_to_the_pages_of_stripe_only_where_payments_are_on(stage: Stage, paid: Stage) -> None:
    host = paid.app.extensions["tollkeeper"].settings.stripe_page_hosts[0]
    policy = paid.app.test_client().get("/plans").headers["Content-Security-Policy"]
    assert f"form-action 'self' {host};" in policy
    assert "form-action 'self';" in stage.app.test_client().get("/plans").headers["Content-Security-Policy"]
